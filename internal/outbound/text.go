package outbound

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cut answers a text of at most so many characters, and whether something was cut off: then it ends with the link to the whole,
// if there is one and room for it.
func Cut(text string, most int, link string) (string, bool) {
	if utf8.RuneCountInString(text) <= most {
		return text, false
	}
	end := []rune("… " + link)
	if link == "" || len(end) > most { // half a link leads nowhere
		end = []rune("…")[:min(1, max(0, most))]
	}
	kept := []rune(text)[:max(0, most-len(end))]
	return strings.TrimRightFunc(string(kept), unicode.IsSpace) + string(end), true
}

// Host answers an address with the scheme and the host of base in the place of its own, and the path of base before its own path.
// It is the address itself where base is empty, or one of the two makes no sense.
func Host(base, address string) string {
	b, err := url.Parse(base)
	if base == "" || err != nil || b.Host == "" {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	rest := u.EscapedPath()
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	return b.Scheme + "://" + b.Host + strings.TrimSuffix(b.EscapedPath(), "/") + rest
}
