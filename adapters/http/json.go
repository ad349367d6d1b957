package http

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

var errBadCursor = errors.New("not a cursor")

// jsonMarshal is for those who must answer bytes; the encoder then checks and copies them once more.
func jsonMarshal(value any) ([]byte, error) { return json.Marshal(value) }

// jsonFormat writes answers as huma's own does, but looks into a TicketList first: encoding what its MarshalJSON answers
// would scan every byte of a long list again.
func jsonFormat() huma.Format {
	format := huma.DefaultJSONFormat
	format.Marshal = func(w io.Writer, value any) error {
		if list, ok := value.(TicketList); ok {
			value = list.any
		}
		return huma.DefaultJSONFormat.Marshal(w, value)
	}
	return format
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
