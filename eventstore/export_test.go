package eventstore

import (
	"context"

	"github.com/google/uuid"
)

// OfStream is how the events of a stream are looked up.
var OfStream = ofStream

// CachedKeys is how many keys a Keyring remembers.
const CachedKeys = cachedKeys

// Cached is how many keys are remembered.
func (k *Keyring) Cached() int { return len(k.opened) }

// Stored calls f with each event as it is stored.
func (m *Memory) Stored(f func(r Recorded, data, metadata []byte)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, s := range m.log {
		f(s.Recorded, s.data, s.metadata)
	}
}

// Plant stores an event whatever it looks like.
func (m *Memory) Plant(r Recorded, data, metadata []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Position = int64(len(m.log) + 1)
	m.streams[r.Stream] = append(m.streams[r.Stream], len(m.log))
	m.log = append(m.log, stored{Recorded: r, data: data, metadata: metadata})
}

// OpenStored reads one event from its stored bytes.
func OpenStored(ctx context.Context, codec *Codec, keys *Keyring, name string, data, metadata []byte) (any, error) {
	opened, err := open(ctx, codec, keys, []stored{{Recorded: Recorded{Position: 7, Type: name}, data: data, metadata: metadata}})
	if err != nil {
		return nil, err
	}
	return opened[0].Event, nil
}

// WrapForTest wraps a key as the keyring stores it.
func WrapForTest(k *Keyring, subject uuid.UUID) []byte { return k.wrap(subject, make([]byte, 32)) }

// EraseKey deletes a subject's key.
func (m *Memory) EraseKey(subject uuid.UUID) {
	m.wrapped.erase(subject)
	m.keys.Forget(subject)
}

// EraseKeyElsewhere deletes a subject's key as another instance does, of which this one has not heard.
func (m *Memory) EraseKeyElsewhere(subject uuid.UUID) { m.wrapped.erase(subject) }
