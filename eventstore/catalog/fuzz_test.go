package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/eventstore/catalog"
)

// A broken row is an error, never a panic; and what decodes can be stored again, and then reads the same.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.name, g.version, g.data)
	}
	for _, broken := range []string{``, `null`, ` null `, `{}`, `[]`, `"x"`, `1`, `{"title":null}`, `{"custom_fields":{"n":1e999}}`, "{\"title\":\"\\u0000\\ud800\xff\"}", `{`} {
		f.Add("ticket.opened", 1, []byte(broken))
	}
	f.Add("ticket.opened", 0, []byte(`{}`))
	f.Add("ticket.opened", 99, []byte(`{}`))
	f.Add("nobody.knows", 1, []byte(`{}`))
	f.Fuzz(func(t *testing.T, name string, version int, data []byte) {
		event, err := catalog.Codec.Decode(name, version, data)
		if err != nil {
			return
		}
		name, version, stored, err := catalog.Codec.Encode(event, nil)
		require.NoError(t, err)
		again, err := catalog.Codec.Decode(name, version, stored)
		require.NoError(t, err)
		_, _, same, err := catalog.Codec.Encode(again, nil)
		require.NoError(t, err)
		require.Equal(t, string(stored), string(same))
	})
}
