package vendorfake

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// route is an operation of the description, with what its paths look like.
type route struct {
	operation string // "METHOD /path/of/{the}/description"
	path      string
	method    string
	item      *openapi3.PathItem
	described *openapi3.Operation
	pattern   *regexp.Regexp
	names     []string // of the pattern's groups
}

// parameter is a name in a path.
var parameter = regexp.MustCompile(`\{([^}]+)\}`)

// routes answers the description's operations, those with the fewest parameters first: /Case/describe is no /Case/{id}.
func routes(doc *openapi3.T, prefix *regexp.Regexp, o Options) []route {
	var all []route
	for path, item := range doc.Paths.Map() {
		pattern, names := compile(path, prefix, o)
		for method, described := range item.Operations() {
			all = append(all, route{operation: method + " " + path, path: path, method: method, item: item, described: described, pattern: pattern, names: names})
		}
	}
	slices.SortFunc(all, func(a, b route) int {
		return cmp.Or(cmp.Compare(len(a.names), len(b.names)), cmp.Compare(a.operation, b.operation))
	})
	return all
}

// compile answers what a path of the description looks like in a request, and the names of its groups.
func compile(path string, prefix *regexp.Regexp, o Options) (*regexp.Regexp, []string) {
	pattern, names := "^", []string{}
	if !slices.ContainsFunc(o.Bare, func(bare string) bool { return strings.HasPrefix(path, bare) }) {
		pattern, names = prefix.String(), prefix.SubexpNames()[1:]
	}
	end := 0
	for _, at := range parameter.FindAllStringSubmatchIndex(path, -1) {
		pattern += regexp.QuoteMeta(path[end:at[0]])
		if name := path[at[2]:at[3]]; slices.Contains(o.Deep, name) {
			pattern, names = pattern+"(.+)", append(names, name)
		} else {
			pattern, names = pattern+"([^/]+)", append(names, name)
		}
		end = at[1]
	}
	return regexp.MustCompile(pattern + regexp.QuoteMeta(path[end:]) + "$"), names
}

// find answers the operation that a request asks for, and the parameters of its path.
func (b *Base) find(r *http.Request) (*route, map[string]string) {
	// colons may come either way
	path := strings.ReplaceAll(r.URL.EscapedPath(), "%3A", ":")
	for i := range b.routes {
		candidate := &b.routes[i]
		if candidate.method != r.Method {
			continue
		}
		groups := candidate.pattern.FindStringSubmatch(path)
		if groups == nil {
			continue
		}
		params := map[string]string{}
		for n, name := range candidate.names {
			value, err := url.PathUnescape(groups[n+1])
			if err != nil {
				return nil, nil
			}
			params[name] = value
		}
		return candidate, params
	}
	return nil, nil
}
