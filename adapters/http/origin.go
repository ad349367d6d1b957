package http

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Origin is how a client reached the program, for links that lead back to it.
type Origin struct {
	secure    bool
	host      string
	from      string // the client's address, or its proxy's
	forwarded struct{ scheme, host string }
}

// Resolve implements huma.Resolver.
func (o *Origin) Resolve(c huma.Context) []error {
	o.secure, o.host, o.from = c.TLS() != nil, c.Host(), c.RemoteAddr()
	o.forwarded.scheme, o.forwarded.host = c.Header("X-Forwarded-Proto"), c.Header("X-Forwarded-Host")
	return nil
}

// of answers scheme and host, without a slash at the end: what the operator says, or else what the request says. What a proxy says
// is believed only of the operator's own.
func (o *Origin) of(c Config) string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
	}
	scheme, host := "http", o.host
	if o.secure {
		scheme = "https"
	}
	if trusted(c.TrustedProxies, o.from) {
		host = cmp.Or(o.forwarded.host, host)
		if s := strings.ToLower(o.forwarded.scheme); s == "http" || s == "https" {
			scheme = s
		}
	}
	return scheme + "://" + host
}

func trusted(proxies []netip.Prefix, from string) bool {
	address, err := netip.ParseAddrPort(from)
	if err != nil {
		return false
	}
	for _, p := range proxies {
		if p.Contains(address.Addr().Unmap()) {
			return true
		}
	}
	return false
}
