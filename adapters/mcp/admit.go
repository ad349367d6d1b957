package mcp

import (
	"errors"
	"net"
	nethttp "net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ticketd/domain"
)

// admit refuses what a web page makes a browser send to a server that is on its own machine, by a name of the page's own
// that leads there.
func (s *Server) admit(r *nethttp.Request) *Problem {
	local, _ := r.Context().Value(nethttp.LocalAddrContextKey).(net.Addr)
	if local != nil && isLoopback(local.String()) && !isLoopback(r.Host) && !s.known(r.Host) {
		return newProblem(nethttp.StatusForbidden, "foreign_host", "This server is not known by the name in the Host header.")
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		if err != nil || from.Host == "" || !isLoopback(from.Host) && !s.known(from.Host) && !strings.EqualFold(from.Host, r.Host) {
			return newProblem(nethttp.StatusForbidden, "foreign_origin", "Pages of this origin may not call this server.")
		}
	}
	return nil
}

// known reports a name that the operator has listed.
func (s *Server) known(host string) bool {
	name := hostname(host)
	return slices.ContainsFunc(s.config.Hosts, func(known string) bool { return strings.EqualFold(hostname(known), name) })
}

func isLoopback(host string) bool {
	name := hostname(host)
	address, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && address.IsLoopback()
}

// hostname answers a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

var errTokenMissing = &domain.Error{Kind: domain.Unauthenticated, Code: "token_missing", Message: "This needs an Authorization header with a bearer token."}

// identify answers who calls, or why they may not.
func (s *Server) identify(r *nethttp.Request) (domain.Caller, *Problem) {
	caller, err := s.authenticate(r)
	if err != nil {
		if domain.KindOf(err) == domain.Unauthenticated && !errors.Is(err, errTokenMissing) {
			if after, ok := s.Refused(r); !ok {
				return caller, tooMany("Too many refused tokens", after)
			}
		}
		return caller, s.problem(r.Context(), err)
	}
	if after, ok := s.Admit(caller); !ok {
		return caller, tooMany("Too many requests", after)
	}
	return caller, nil
}

// authenticate answers who calls.
func (s *Server) authenticate(r *nethttp.Request) (domain.Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return domain.Caller{}, errTokenMissing
	}
	return s.Authenticator.Authenticate(r.Context(), token)
}

// printable reports a text of visible ASCII that is not too long: safe in a header and in a log.
func printable(text string, most int) bool {
	if text == "" || len(text) > most {
		return false
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}
