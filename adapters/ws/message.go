package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"ticketd/domain"
)

// envelope is every message the server sends.
type envelope struct {
	Type      string          `json:"type"`
	Protocol  string          `json:"protocol"`
	Success   bool            `json:"success"`
	Timestamp stamp           `json:"timestamp"`
	Position  int64           `json:"position,omitempty"` // of notices
	Data      any             `json:"data"`
	Error     string          `json:"error,omitempty"`
	RequestID json.RawMessage `json:"request_id,omitempty"`
}

func (e envelope) encode() ([]byte, error) { return json.Marshal(e) }

var nothing = struct{}{}

// stamp is a time as the API writes it.
type stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// refusal is a sentence for the client that needs no code.
type refusal string

func (r refusal) Error() string { return string(r) }

// sentence is what the client may read of an error; ok is false when that is nothing.
func sentence(err error) (text string, ok bool) {
	if r, ok := errors.AsType[refusal](err); ok {
		return string(r), true
	}
	if e, ok := errors.AsType[*domain.Error](err); ok && e.Kind != domain.Internal {
		return e.Message, true
	}
	return "The server could not answer. Please try again.", false
}

// request is a message from a client.
type request struct {
	kind string
	id   json.RawMessage // as the client wrote it; nil when it did not
	data map[string]json.RawMessage
}

// parse reads a message. When it fails, the request still has the id if one could be read.
func parse(text []byte) (request, error) {
	var r request
	var fields map[string]json.RawMessage
	if text == nil || !json.Valid(text) {
		return r, refusal("Message is not JSON.")
	}
	if json.Unmarshal(text, &fields) != nil || fields == nil {
		return r, refusal("A message must be a JSON object.")
	}
	var err error
	if r.id, err = identifier(fields["request_id"]); err != nil {
		return r, err
	}
	if absent(fields["type"]) {
		return r, missing("type")
	}
	if json.Unmarshal(fields["type"], &r.kind) != nil {
		return r, refusal("type must be a string.")
	}
	if json.Unmarshal(orNull(fields["data"]), &r.data) != nil {
		return r, refusal("data must be an object.")
	}
	return r, nil
}

// identifier accepts what clients count or name their requests with.
func identifier(raw json.RawMessage) (json.RawMessage, error) {
	if absent(raw) {
		return nil, nil
	}
	if c := raw[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
		return nil, refusal("request_id must be a string or a number.")
	}
	return raw, nil
}

// lacks lists the fields that are not there.
func (r request) lacks(needs []string) []string {
	var absentees []string
	for _, name := range needs {
		if absent(r.data[name]) {
			absentees = append(absentees, name)
		}
	}
	return absentees
}

func (r request) text(name string) (string, error) {
	var s string
	if json.Unmarshal(r.data[name], &s) != nil {
		return "", refusal(name + " must be a string.")
	}
	return strings.TrimSpace(s), nil
}

func (r request) position(name string) (int64, error) {
	n, err := strconv.ParseInt(string(r.data[name]), 10, 64)
	if err != nil {
		return 0, refusal(name + " must be an integer.")
	}
	if n < 0 {
		return 0, refusal(name + " must not be negative.")
	}
	return n, nil
}

func (r request) flag(name string) (yes bool, err error) {
	if json.Unmarshal(orNull(r.data[name]), &yes) != nil {
		return false, refusal(name + " must be true or false.")
	}
	return yes, nil
}

func (r request) texts(name string) (list []string, err error) {
	if json.Unmarshal(orNull(r.data[name]), &list) != nil {
		return nil, refusal(name + " must be a list of strings.")
	}
	return list, nil
}

func missing(names ...string) error {
	return refusal("Missing required fields: " + strings.Join(names, ", "))
}

func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null")) || bytes.Equal(raw, []byte(`""`))
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
