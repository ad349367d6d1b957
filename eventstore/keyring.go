package eventstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// KeyStore keeps one wrapped key a person.
type KeyStore interface {
	// LoadKeys answers the keys that exist among those asked for.
	LoadKeys(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error)

	// CreateKey stores a first key and answers the one that is stored, which is another's when that came first.
	CreateKey(ctx context.Context, org, subject uuid.UUID, wrapped []byte) ([]byte, error)
}

// Keyring holds the keys that seal personal data: one a person, each wrapped by the master key. Opened keys are cached.
// That there is none is not: a person without a key may be given one, by any instance.
type Keyring struct {
	master cipher.AEAD
	store  KeyStore

	mu        sync.RWMutex
	opened    map[uuid.UUID]openedKey
	forgotten int // how often Forget was called
}

// openedKey is a key as it was some time ago. It is looked up again once in a while, so that a person whose key another
// instance deleted is gone from here too, even if nobody told us.
type openedKey struct {
	cipher.AEAD
	until time.Time
}

// cachedFor is how long an opened key is used without looking whether it is still there.
const cachedFor = time.Minute

// cachedKeys bounds the cache: about 1 KB each.
const cachedKeys = 20_000

// NewKeyring takes the 32 bytes of ENCRYPTION_KEY.
func NewKeyring(masterKey []byte, store KeyStore) (*Keyring, error) {
	if len(masterKey) != 32 {
		return nil, fmt.Errorf("eventstore: the encryption key has %d bytes, not 32", len(masterKey))
	}
	master, err := newAEAD(masterKey)
	if err != nil {
		return nil, err
	}
	return &Keyring{master: master, store: store, opened: map[uuid.UUID]openedKey{}}, nil
}

// Key answers the subject's key and makes one on first use.
func (k *Keyring) Key(ctx context.Context, org, subject uuid.UUID) (cipher.AEAD, error) {
	key, since := k.cached(subject)
	if key != nil {
		return key, nil
	}
	stored, err := k.store.LoadKeys(ctx, []uuid.UUID{subject})
	if err != nil {
		return nil, fmt.Errorf("load key of %s: %w", subject, err)
	}
	wrapped, exists := stored[subject]
	if !exists {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails: it would end the program
		if wrapped, err = k.store.CreateKey(ctx, org, subject, k.wrap(subject, secret)); err != nil {
			return nil, fmt.Errorf("create key of %s: %w", subject, err)
		}
	}
	if key, err = k.unwrap(subject, wrapped); err != nil {
		return nil, err
	}
	k.remember(subject, key, since)
	return key, nil
}

// Keys answers the keys of all subjects, read in one query; a subject without one was erased.
func (k *Keyring) Keys(ctx context.Context, subjects []uuid.UUID) (SubjectKeys, error) {
	keys := make(map[uuid.UUID]cipher.AEAD, len(subjects))
	var missing []uuid.UUID
	var since int
	for i, subject := range subjects {
		if _, done := keys[subject]; done {
			continue
		}
		key, at := k.cached(subject)
		if i == 0 {
			since = at
		}
		if key == nil {
			missing = append(missing, subject)
		}
		keys[subject] = key
	}
	if len(missing) > 0 {
		stored, err := k.store.LoadKeys(ctx, missing)
		if err != nil {
			return nil, fmt.Errorf("load keys: %w", err)
		}
		for subject, wrapped := range stored {
			key, err := k.unwrap(subject, wrapped)
			if err != nil {
				return nil, err
			}
			keys[subject] = key
			k.remember(subject, key, since)
		}
	}
	return func(subject uuid.UUID) (cipher.AEAD, error) { return keys[subject], nil }, nil
}

// Forget drops a key from the cache, as every instance must when a person is erased.
func (k *Keyring) Forget(subject uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.opened, subject)
	k.forgotten++
}

// era counts the calls of Forget. What was decrypted in another era may hold words of a person who was erased since.
func (k *Keyring) era() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.forgotten
}

// Seal encrypts bytes that are about a person but live outside the log.
func (k *Keyring) Seal(ctx context.Context, org, subject uuid.UUID, plain []byte) (string, error) {
	key, err := k.Key(ctx, org, subject)
	if err != nil {
		return "", err
	}
	return sealBytes(key, plain, subject[:]), nil
}

// Open reads what Seal made; false when the person was erased since.
func (k *Keyring) Open(ctx context.Context, subject uuid.UUID, sealed string) ([]byte, bool, error) {
	keys, err := k.Keys(ctx, []uuid.UUID{subject})
	if err != nil {
		return nil, false, err
	}
	key, err := keys(subject)
	if err != nil {
		return nil, false, err
	}
	plain, ok := openBytes(key, sealed, subject[:])
	return plain, ok, nil
}

// cached answers an opened key, or nil, and the moment for remember.
func (k *Keyring) cached(subject uuid.UUID) (key cipher.AEAD, since int) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if opened, ok := k.opened[subject]; ok && time.Now().Before(opened.until) {
		return opened.AEAD, k.forgotten
	}
	return nil, k.forgotten
}

// remember caches a key unless somebody was forgotten since: it might be the one that was being read meanwhile.
func (k *Keyring) remember(subject uuid.UUID, key cipher.AEAD, since int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.forgotten != since {
		return
	}
	if len(k.opened) >= cachedKeys {
		for victim := range k.opened { // whichever comes first; it is read again when it is needed
			delete(k.opened, victim)
			break
		}
	}
	k.opened[subject] = openedKey{AEAD: key, until: time.Now().Add(cachedFor)}
}

func (k *Keyring) wrap(subject uuid.UUID, secret []byte) []byte {
	nonce := make([]byte, k.master.NonceSize())
	_, _ = rand.Read(nonce) // never fails: it would end the program
	return k.master.Seal(nonce, nonce, secret, subject[:])
}

func (k *Keyring) unwrap(subject uuid.UUID, wrapped []byte) (cipher.AEAD, error) {
	size := k.master.NonceSize()
	if len(wrapped) < size {
		return nil, fmt.Errorf("eventstore: the key of %s is cut short", subject)
	}
	secret, err := k.master.Open(nil, wrapped[:size], wrapped[size:], subject[:])
	if err != nil {
		return nil, fmt.Errorf("eventstore: the key of %s was wrapped with another ENCRYPTION_KEY: %w", subject, err)
	}
	return newAEAD(secret)
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ForWriting answers keys for events of an organization, made on first use.
func (k *Keyring) ForWriting(ctx context.Context, org uuid.UUID) SubjectKeys {
	return func(subject uuid.UUID) (cipher.AEAD, error) { return k.Key(ctx, org, subject) }
}
