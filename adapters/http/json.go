package http

import (
	"errors"
	"io"

	"github.com/danielgtaylor/huma/v2"
)

var errBadCursor = errors.New("not a cursor")

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
