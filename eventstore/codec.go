package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Upcast turns the JSON of one version of an event into that of the next.
type Upcast func(fields map[string]any)

// Entry ties a stored name to a Go type, its older versions and its personal fields.
type Entry struct {
	name     string
	typ      reflect.Type
	upcasts  []Upcast
	personal []personalField
	read     reader
	ownKey   bool // its stream has a key of its own
}

// Type makes an Entry. The current version is one more than the number of upcasts, so it cannot be forgotten.
// It panics on a personal tag that cannot work: a programming error, found at start.
func Type[E any](name string, upcasts ...Upcast) Entry {
	typ := reflect.TypeFor[E]()
	return Entry{name: name, typ: typ, upcasts: upcasts, personal: personalFields(typ), read: readerOf(typ)}
}

// WithOwnKeys marks the events of a noun each of whose streams gets a key of its own, so that what people wrote in one
// of them can be erased without erasing the people. Streams that began before their noun was marked have none.
func WithOwnKeys(entries ...Entry) []Entry {
	marked := slices.Clone(entries)
	for i := range marked {
		marked[i].ownKey = true
	}
	return marked
}

func (e Entry) version() int { return len(e.upcasts) + 1 }

// Codec turns events into stored JSON and back.
type Codec struct {
	byName map[string]Entry
	byType map[reflect.Type]Entry
}

// NewCodec panics on a name or type given twice: a programming error, found at start.
func NewCodec(entries ...Entry) *Codec {
	c := &Codec{byName: map[string]Entry{}, byType: map[reflect.Type]Entry{}}
	for _, e := range entries {
		if _, twice := c.byName[e.name]; twice {
			panic("eventstore: two events named " + e.name)
		}
		if _, twice := c.byType[e.typ]; twice {
			panic("eventstore: two names for " + e.typ.String())
		}
		c.byName[e.name], c.byType[e.typ] = e, e
	}
	return c
}

// Names lists the stored names, sorted.
func (c *Codec) Names() []string {
	names := make([]string, 0, len(c.byName))
	for name := range c.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Types lists the Go types of all events.
func (c *Codec) Types() []reflect.Type {
	types := make([]reflect.Type, 0, len(c.byType))
	for typ := range c.byType {
		types = append(types, typ)
	}
	return types
}

// Name answers the stored name of an event and its current version.
func (c *Codec) Name(event any) (name string, version int, err error) {
	e, ok := c.byType[reflect.TypeOf(event)]
	if !ok {
		return "", 0, fmt.Errorf("eventstore: %T is not in the catalog", event)
	}
	return e.name, e.version(), nil
}

// Encode answers the stored form of an event. Personal fields are encrypted with the keys; without keys they stay
// readable, as in golden files.
func (c *Codec) Encode(event any, keys SubjectKeys) (name string, version int, data []byte, err error) {
	e, ok := c.byType[reflect.TypeOf(event)]
	if !ok {
		return "", 0, nil, fmt.Errorf("eventstore: %T is not in the catalog", event)
	}
	if keys != nil && len(e.personal) > 0 {
		if event, err = e.sealed(event, keys); err != nil {
			return "", 0, nil, fmt.Errorf("seal %s: %w", e.name, err)
		}
	}
	if data, err = json.Marshal(event); err != nil {
		return "", 0, nil, fmt.Errorf("encode %s: %w", e.name, err)
	}
	return e.name, e.version(), data, nil
}

func (c *Codec) ownKey(event any) bool { return c.byType[reflect.TypeOf(event)].ownKey }

// Decode answers the event as today's code knows it, whatever version was stored. Sealed fields stay sealed.
func (c *Codec) Decode(name string, version int, data []byte) (any, error) {
	d, err := c.decode(name, version, data)
	if err != nil {
		return nil, err
	}
	return d.event.Elem().Interface(), nil
}

// decoded is an event whose personal fields may still be sealed.
type decoded struct {
	entry Entry
	event reflect.Value // a pointer to the event
}

func (c *Codec) decode(name string, version int, data []byte) (decoded, error) {
	e, ok := c.byName[name]
	if !ok {
		return decoded{}, fmt.Errorf("eventstore: no event named %q in the catalog", name)
	}
	if version < 1 || version > e.version() {
		return decoded{}, fmt.Errorf("eventstore: %s version %d is newer than this program", name, version)
	}
	if version < e.version() {
		var err error
		if data, err = upcast(data, e.upcasts[version-1:]); err != nil {
			return decoded{}, fmt.Errorf("decode %s: %w", name, err)
		}
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return decoded{}, fmt.Errorf("decode %s: %w", name, errNotAnObject)
	}
	event := reflect.New(e.typ)
	if err := readJSON(e.read, data, event.Elem()); err != nil {
		return decoded{}, fmt.Errorf("decode %s: %w", name, err)
	}
	return decoded{entry: e, event: event}, nil
}

var errNotAnObject = errors.New("not a JSON object")

func upcast(data []byte, upcasts []Upcast) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // a float64 would round large integers
	fields := map[string]any{}
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, errNotAnObject
	}
	for _, up := range upcasts {
		up(fields)
	}
	return json.Marshal(fields)
}
