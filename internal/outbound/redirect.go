package outbound

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// harmless are the headers that say nothing about who asks.
var harmless = []string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}

// follow decides about a redirect. One that is not followed is the answer. Another host hears nothing that was meant for the
// first: no header that may hold a credential, and no body.
func follow(next *http.Request, before []*http.Request) error {
	first, last := before[0], before[len(before)-1]
	elsewhere := func(r *http.Request) bool { return !sameOrigin(r.URL, first.URL) }
	away := elsewhere(next) || slices.ContainsFunc(before, elsewhere) // and back: whoever sends there may have changed what is asked
	switch {
	case len(before) > redirectsMost,
		next.Method != last.Method,                               // what was to be done would only be looked at
		next.URL.Scheme != "https" && last.URL.Scheme == "https", // what is secret would be sent in the clear
		away && next.Body != nil && next.Body != http.NoBody:
		return http.ErrUseLastResponse
	}
	next.Header.Del("Referer") // some addresses are secrets
	if away {
		maps.DeleteFunc(next.Header, func(name string, _ []string) bool { return !slices.Contains(harmless, name) })
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
