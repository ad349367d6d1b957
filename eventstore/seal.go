package eventstore

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"
)

// Erased is what a personal text reads as once its subject's key is gone.
const Erased = "[erased]"

// SubjectKeys answers the key of a person; nil when that person was erased.
type SubjectKeys func(subject uuid.UUID) (cipher.AEAD, error)

// personalField is a field tagged personal:"<json name of the field that holds the subject>".
// It is a string, a map[string]any, or a pointer to one of them.
type personalField struct {
	index   int
	subject []int // index path to a uuid.UUID in the same event
	name    string
}

const (
	sealedText = "sealed:" // the stored form of a string: this, then base64
	sealedMap  = "sealed"  // the stored form of a map: this one key, with base64
)

func personalFields(typ reflect.Type) []personalField {
	var fields []personalField
	for i := range typ.NumField() {
		f := typ.Field(i)
		subject, tagged := f.Tag.Lookup("personal")
		if !tagged {
			continue
		}
		if !sealable(f.Type) {
			panic(fmt.Sprintf("eventstore: %v.%s is a %v, which cannot be sealed", typ, f.Name, f.Type))
		}
		fields = append(fields, personalField{index: i, subject: subjectPath(typ, subject), name: jsonName(f)})
	}
	return fields
}

func sealable(typ reflect.Type) bool {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ.Kind() == reflect.String || typ == reflect.TypeFor[map[string]any]()
}

func subjectPath(typ reflect.Type, name string) []int {
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name == "" || jsonName(f) != name {
			continue
		}
		if f.Type == reflect.TypeFor[uuid.UUID]() {
			return f.Index
		}
		if f.Type.Kind() == reflect.Struct && f.Type.NumField() == 1 && f.Type.Field(0).Type == reflect.TypeFor[uuid.UUID]() {
			return []int{i, 0}
		}
	}
	panic(fmt.Sprintf("eventstore: %v has no id field %q to seal for", typ, name))
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (f personalField) subjectOf(event reflect.Value) uuid.UUID {
	id, _ := reflect.TypeAssert[uuid.UUID](event.FieldByIndex(f.subject))
	return id
}

// subjects lists whose keys are needed to read or write the event.
func (e Entry) subjects(event reflect.Value) []uuid.UUID {
	var list []uuid.UUID
	for _, f := range e.personal {
		if subject := f.subjectOf(event); subject != uuid.Nil && !event.Field(f.index).IsZero() {
			list = append(list, subject)
		}
	}
	return list
}

// sealed answers a copy of the event whose personal fields are encrypted. What the system wrote, for no subject, stays.
func (e Entry) sealed(event any, keys SubjectKeys) (any, error) {
	sealed := reflect.New(e.typ).Elem()
	sealed.Set(reflect.ValueOf(event))
	for _, f := range e.personal {
		field, subject := sealed.Field(f.index), f.subjectOf(sealed)
		if field.IsZero() || subject == uuid.Nil {
			continue
		}
		key, err := keys(subject)
		if err != nil {
			return nil, err
		}
		if key == nil {
			return nil, fmt.Errorf("%w: %s", ErrErased, subject)
		}
		if field.Kind() == reflect.Pointer { // the caller keeps its own value
			own := reflect.New(field.Type().Elem())
			own.Elem().Set(field.Elem())
			field.Set(own)
			field = own.Elem()
		}
		if err := f.seal(field, key, subject); err != nil {
			return nil, err
		}
	}
	return sealed.Interface(), nil
}

// ErrErased reports words for a person who was erased: there is no key to seal them with.
var ErrErased = errors.New("eventstore: the person was erased")

func (f personalField) seal(field reflect.Value, key cipher.AEAD, subject uuid.UUID) error {
	if field.Kind() == reflect.String {
		if field.Len() > 0 {
			field.SetString(sealedText + sealBytes(key, []byte(field.String()), f.boundTo(subject)))
		}
		return nil
	}
	if field.Len() == 0 {
		return nil
	}
	plain, err := json.Marshal(field.Interface())
	if err != nil {
		return fmt.Errorf("encode %s: %w", f.name, err)
	}
	field.Set(reflect.ValueOf(map[string]any{sealedMap: sealBytes(key, plain, f.boundTo(subject))}))
	return nil
}

// unseal decrypts the personal fields of the event in place. A missing key, or a text that does not open, reads as Erased.
func (d decoded) unseal(keys SubjectKeys) error {
	event := d.event.Elem()
	for _, f := range d.entry.personal {
		field, subject := event.Field(f.index), f.subjectOf(event)
		if field.IsZero() || subject == uuid.Nil {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		key, err := keys(subject)
		if err != nil {
			return err
		}
		f.open(field, key, subject)
	}
	return nil
}

func (f personalField) open(field reflect.Value, key cipher.AEAD, subject uuid.UUID) {
	if field.Kind() == reflect.String {
		text, isSealed := strings.CutPrefix(field.String(), sealedText)
		if !isSealed {
			return
		}
		plain, ok := openBytes(key, text, f.boundTo(subject))
		if !ok {
			plain = []byte(Erased)
		}
		field.SetString(string(plain))
		return
	}
	fields, _ := reflect.TypeAssert[map[string]any](field)
	text, isSealed := fields[sealedMap].(string)
	if !isSealed || len(fields) != 1 {
		return
	}
	plain, ok := openBytes(key, text, f.boundTo(subject))
	opened := map[string]any{}
	if ok {
		ok = json.Unmarshal(plain, &opened) == nil
	}
	if !ok {
		opened = map[string]any{Erased: true}
	}
	field.Set(reflect.ValueOf(opened))
}

// boundTo ties a sealed text to its person and its field, so that it opens nowhere else.
func (f personalField) boundTo(subject uuid.UUID) []byte { return append(subject[:], f.name...) }

func sealBytes(key cipher.AEAD, plain, boundTo []byte) string {
	nonce := make([]byte, key.NonceSize(), key.NonceSize()+len(plain)+key.Overhead())
	_, _ = rand.Read(nonce) // never fails: it would end the program
	return base64.RawStdEncoding.EncodeToString(key.Seal(nonce, nonce, plain, boundTo))
}

func openBytes(key cipher.AEAD, text string, boundTo []byte) ([]byte, bool) {
	sealed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || key == nil || len(sealed) < key.NonceSize() {
		return nil, false
	}
	plain, err := key.Open(nil, sealed[:key.NonceSize()], sealed[key.NonceSize():], boundTo)
	return plain, err == nil
}
