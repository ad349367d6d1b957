package eventstore

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// reader reads the JSON value that text begins with into v, and answers what follows it. It is false for a value that is
// not written the way json.Marshal writes; v may hold a part of it then.
//
// # Why
//
// Decoding is what loading an aggregate and replaying the log spend their time on, and we wrote every byte ourselves:
// the fields in the order of the struct, no spaces, every name as it is tagged. So a reader knows what comes next, and
// checks and reads it in one go, three times as fast as encoding/json. Whatever else it meets, it leaves to that: the two
// never differ in what they answer, and a fuzz test watches it.
type reader func(text []byte, v reflect.Value) (rest []byte, ok bool)

var (
	uuidType            = reflect.TypeFor[uuid.UUID]()
	jsonUnmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// readerOf answers the reader of a type.
func readerOf(typ reflect.Type) reader {
	switch {
	case typ == uuidType:
		return readUUID
	case typ.Kind() == reflect.Struct && typ.NumField() == 1 && typ.Field(0).Anonymous && typ.Field(0).Type == uuidType:
		return func(text []byte, v reflect.Value) ([]byte, bool) { return readUUID(text, v.Field(0)) }
	case reflect.PointerTo(typ).Implements(jsonUnmarshalerType), reflect.PointerTo(typ).Implements(textUnmarshalerType):
		return readAny
	}
	switch typ.Kind() { //nolint:exhaustive // the others are rare, or hard
	case reflect.String:
		return readString
	case reflect.Bool:
		return readBool
	case reflect.Int, reflect.Int64:
		return readInt
	case reflect.Pointer:
		return readPointer(readerOf(typ.Elem()))
	case reflect.Struct:
		return readStruct(typ)
	}
	return readAny
}

func readString(text []byte, v reflect.Value) ([]byte, bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, false
	}
	ascii := true
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			if !ascii && !utf8.Valid(text[1:i]) {
				return nil, false
			}
			v.SetString(string(text[1:i]))
			return text[i+1:], true
		case c == '\\':
			return readAny(text, v)
		case c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// uuidLength is that of the one form in which ids are stored.
const uuidLength = 36

func readUUID(text []byte, v reflect.Value) ([]byte, bool) {
	if len(text) < uuidLength+2 || text[0] != '"' || text[uuidLength+1] != '"' {
		return nil, false
	}
	id, err := uuid.ParseBytes(text[1 : uuidLength+1])
	if err != nil {
		return nil, false
	}
	into, ok := reflect.TypeAssert[*uuid.UUID](v.Addr())
	if ok {
		*into = id
	}
	return text[uuidLength+2:], ok
}

func readBool(text []byte, v reflect.Value) ([]byte, bool) {
	if rest, ok := bytes.CutPrefix(text, []byte("true")); ok {
		v.SetBool(true)
		return rest, true
	}
	rest, ok := bytes.CutPrefix(text, []byte("false"))
	if ok {
		v.SetBool(false)
	}
	return rest, ok
}

// mostDigits fit into an int64, whatever they are.
const mostDigits = 18

func readInt(text []byte, v reflect.Value) ([]byte, bool) {
	digits, isNegative := bytes.CutPrefix(text, []byte("-"))
	var n int64
	end := 0
	for ; end < len(digits) && digits[end] >= '0' && digits[end] <= '9'; end++ {
		n = 10*n + int64(digits[end]-'0')
		if end == mostDigits {
			return nil, false
		}
	}
	if end == 0 || end > 1 && digits[0] == '0' || end < len(digits) && strings.IndexByte(".eE", digits[end]) >= 0 {
		return nil, false
	}
	if isNegative {
		n = -n
	}
	v.SetInt(n)
	return digits[end:], true
}

func readPointer(elem reader) reader {
	return func(text []byte, v reflect.Value) ([]byte, bool) {
		value := reflect.New(v.Type().Elem())
		rest, ok := elem(text, value.Elem())
		if ok {
			v.Set(value)
		}
		return rest, ok
	}
}

// fieldReader reads one field of a struct.
type fieldReader struct {
	name  []byte // with its quotes and colon
	index []int
	read  reader
}

func readStruct(typ reflect.Type) reader {
	fields, ok := fieldReaders(typ)
	if !ok || namedTwice(fields) {
		return readAny
	}
	return func(text []byte, v reflect.Value) ([]byte, bool) {
		if len(text) < 2 || text[0] != '{' {
			return nil, false
		}
		text = text[1:]
		if text[0] == '}' {
			return text[1:], true
		}
		for i := range fields {
			value, named := bytes.CutPrefix(text, fields[i].name)
			if !named {
				continue // left out, because it was empty
			}
			field := v
			for _, at := range fields[i].index {
				field = field.Field(at)
			}
			rest, ok := fields[i].read(value, field)
			if !ok || len(rest) == 0 {
				return nil, false
			}
			text = rest[1:]
			if rest[0] == '}' {
				return text, true
			}
			if rest[0] != ',' {
				return nil, false
			}
		}
		return nil, false // a name that we do not know, or one that comes too late
	}
}

// fieldReaders lists the fields as json.Marshal writes them; false for a struct that it would not write that simply.
func fieldReaders(typ reflect.Type) ([]fieldReader, bool) {
	var fields []fieldReader
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			inner, ok := fieldReaders(f.Type)
			if !ok {
				return nil, false
			}
			for _, field := range inner {
				field.index = append([]int{i}, field.index...)
				fields = append(fields, field)
			}
		case !f.IsExported() || name == "-":
		case name == "" || f.Anonymous || strings.Contains(options, "string"):
			return nil, false
		default:
			fields = append(fields, fieldReader{name: []byte(`"` + name + `":`), index: []int{i}, read: readerOf(f.Type)})
		}
	}
	return fields, true
}

func namedTwice(fields []fieldReader) bool {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[string(f.name)] {
			return true
		}
		seen[string(f.name)] = true
	}
	return false
}

// readAny finds the end of a value and leaves it to encoding/json.
func readAny(text []byte, v reflect.Value) ([]byte, bool) {
	end := valueEnd(text)
	if end == 0 || json.Unmarshal(text[:end], v.Addr().Interface()) != nil {
		return nil, false
	}
	return text[end:], true
}

// valueEnd answers where the value ends that text begins with; 0 when it does not end.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i++
			for i < len(text) && text[i] != '"' {
				if text[i] == '\\' {
					i++
				}
				i++
			}
			if i >= len(text) {
				return 0
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return i // of a number or a word
			}
			if text[i] != ',' {
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	if depth == 0 {
		return len(text)
	}
	return 0
}

// readJSON decodes a whole text, the fast way where it goes. v is the zero value of its type.
func readJSON(read reader, text []byte, v reflect.Value) error {
	if rest, ok := read(text, v); ok && len(rest) == 0 {
		return nil
	}
	v.SetZero()
	return json.Unmarshal(text, v.Addr().Interface())
}
