package vendorfake

import (
	"embed"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed specs/*.json
var specs embed.FS

// described remembers the descriptions that were read: one takes a tenth of a second, and a test starts many vendors.
var described = struct {
	sync.Mutex
	docs map[string]*openapi3.T
}{docs: map[string]*openapi3.T{}}

// describe answers a vendor's official description. It is shared, and never changed.
func describe(name string) (*openapi3.T, error) {
	described.Lock()
	defer described.Unlock()
	if doc := described.docs[name]; doc != nil {
		return doc, nil
	}
	data, err := specs.ReadFile("specs/" + name + ".json")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, err
	}
	described.docs[name] = doc
	return doc, nil
}
