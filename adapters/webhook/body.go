package webhook

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"ticketd/eventstore"
	"ticketd/projections"
)

// mostBody is how many bytes a body may have: receivers must be able to hold it.
const mostBody = 256 << 10

// message is one that is sent until it is taken.
type message struct {
	id   string
	body []byte
}

// envelope is the body of every request.
type envelope struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // of what happened
	Position  int64  `json:"position"`  // in the log
	Data      any    `json:"data"`
	Truncated bool   `json:"truncated,omitempty"` // long texts in the data were cut
}

// messageOf answers an event as it is sent. The id is the event's own, whoever it goes to and however often: it is of the
// event's hash, which no other has, not even after a restore.
func messageOf(r eventstore.Recorded, kind string, data any) (message, error) {
	body, err := encode(envelope{Type: kind, Timestamp: r.At.UTC().Format(projections.Millis), Position: r.Position, Data: data})
	return message{id: "evt_" + r.Hash.String()[:32], body: body}, err
}

// encode answers a body that is not too long. Where it would be, its longest texts are cut, and it says so.
func encode(e envelope) ([]byte, error) {
	body, err := plain(e)
	if err != nil || len(body) <= mostBody {
		return body, err
	}
	var whole envelope
	for most := mostBody / 4; most > 0; most /= 4 {
		if err := json.Unmarshal(body, &whole); err != nil {
			return nil, err
		}
		whole.Data, whole.Truncated = cut(whole.Data, most), true
		shorter, err := plain(whole)
		if err != nil || len(shorter) <= mostBody {
			return shorter, err
		}
	}
	whole.Data = nil
	return plain(whole)
}

// plain is JSON that leaves < and > as they are: it is for no page.
func plain(e envelope) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(e)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// cut answers a JSON value whose texts have so many bytes at the most, and whose lists so many entries.
func cut(value any, most int) any {
	switch v := value.(type) {
	case string:
		if len(v) <= most {
			return v
		}
		end := most
		for end > 0 && !utf8.RuneStart(v[end]) {
			end--
		}
		return v[:end] + "…"
	case []any:
		v = v[:min(len(v), most)]
		for i := range v {
			v[i] = cut(v[i], most)
		}
		return v
	case map[string]any:
		for name := range v {
			v[name] = cut(v[name], most)
		}
	}
	return value
}

// pingOf answers what tries an address out.
func pingOf(id string, at time.Time, webhook string) (message, error) {
	body, err := encode(envelope{Type: testType, Timestamp: at.UTC().Format(projections.Millis), Data: map[string]string{"webhook_id": webhook}})
	return message{id: id, body: body}, err
}

// testType is the type of a message that says nothing but that it came.
const testType = "webhook.test"
