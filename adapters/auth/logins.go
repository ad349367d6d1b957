package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
)

// Logins names the streams of names to sign in with. It implements commands.Logins.
type Logins struct{ key []byte }

// NewLogins derives a key of its own from ENCRYPTION_KEY, so that the ids tell nothing about that key. Another
// ENCRYPTION_KEY makes other ids: nobody could sign in.
func NewLogins(encryptionKey [32]byte) (Logins, error) {
	key, err := hkdf.Key(sha256.New, encryptionKey[:], nil, "ticketd: ids of logins", sha256.Size)
	if err != nil {
		return Logins{}, fmt.Errorf("derive the key of logins: %w", err)
	}
	return Logins{key: key}, nil
}

// StreamID implements commands.Logins. The ids are UUIDs of version 8, which leaves their bits to us.
func (l Logins) StreamID(name string) uuid.UUID {
	mac := hmac.New(sha256.New, l.key)
	_, _ = mac.Write([]byte(name)) // a hash never fails
	id := uuid.UUID(mac.Sum(nil)[:len(uuid.UUID{})])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
