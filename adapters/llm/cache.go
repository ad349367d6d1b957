package llm

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"sync"
	"time"

	"ticketd/commands"
)

const (
	mostAnswers     = 2_000
	mostAnswerBytes = 16 << 20
	largestKept     = 1 << 20 // one answer must not push out all others
	answerOverhead  = 512     // of what is kept around a text
)

// answers remembers what was answered lately; of too many it forgets those that nobody asked for.
type answers struct {
	life time.Duration

	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*list.Element
	used  *list.List // of *answer; the latest first
	bytes int
}

type answer struct {
	key   [sha256.Size]byte
	said  commands.Completion
	until time.Time
}

func (a *answer) size() int { return len(a.said.Text) + answerOverhead }

func newAnswers(life time.Duration) *answers {
	return &answers{life: life, byKey: map[[sha256.Size]byte]*list.Element{}, used: list.New()}
}

func (a *answers) find(key [sha256.Size]byte, now time.Time) (commands.Completion, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	element, known := a.byKey[key]
	if !known {
		return commands.Completion{}, false
	}
	kept := element.Value.(*answer) //nolint:errcheck // nothing else is in the list
	if !now.Before(kept.until) {
		a.forget(element)
		return commands.Completion{}, false
	}
	a.used.MoveToFront(element)
	said := kept.said
	said.Cached, said.Cost = true, 0
	return said, true
}

// keep remembers a final answer: calls may ask for what has changed, and a refusal or a cut may not happen again.
func (a *answers) keep(key [sha256.Size]byte, said commands.Completion, now time.Time) {
	if said.Stop != commands.StopAnswer || said.Text == "" || len(said.Text) > largestKept {
		return
	}
	said.PassedOver = nil
	a.mu.Lock()
	defer a.mu.Unlock()
	if element, known := a.byKey[key]; known {
		a.forget(element)
	}
	kept := &answer{key: key, said: said, until: now.Add(a.life)}
	a.byKey[key] = a.used.PushFront(kept)
	a.bytes += kept.size()
	for a.used.Len() > mostAnswers || a.bytes > mostAnswerBytes {
		a.forget(a.used.Back())
	}
}

func (a *answers) forget(element *list.Element) {
	kept := a.used.Remove(element).(*answer) //nolint:errcheck // nothing else is in the list
	delete(a.byKey, kept.key)
	a.bytes -= kept.size()
}

// keyOf answers a hash of whose prompt it is and of all that makes the answer.
func keyOf(p commands.Prompt) [sha256.Size]byte {
	h := digest{sha256.New()}
	h.text(string(p.Org.UUID[:]), p.Model, p.System)
	h.number(math.Float64bits(p.Temperature))
	h.number(uint64(len(p.Turns)))
	for _, turn := range p.Turns {
		h.text(string(turn.Role), turn.Text, turn.CallID)
		h.number(uint64(len(turn.Calls)))
		for _, call := range turn.Calls {
			h.text(call.ID, call.Name, call.Arguments)
		}
	}
	h.number(uint64(len(p.Tools)))
	for _, tool := range p.Tools {
		h.text(tool.Name, tool.Description, string(tool.Input))
	}
	if p.Answer != nil {
		h.text(p.Answer.Name, string(p.Answer.Schema))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// digest hashes each part with its length before it, so that two prompts cut differently stay two.
type digest struct{ hash.Hash }

func (d digest) number(n uint64) { _, _ = d.Write(binary.BigEndian.AppendUint64(nil, n)) }

func (d digest) text(parts ...string) {
	for _, part := range parts {
		d.number(uint64(len(part)))
		_, _ = d.Write([]byte(part))
	}
}
