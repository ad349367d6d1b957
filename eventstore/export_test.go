package eventstore

import (
	"context"

	"github.com/google/uuid"
)

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
