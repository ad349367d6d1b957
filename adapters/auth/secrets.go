package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// TokenSecrets makes the secrets of tokens. It implements commands.Secrets.
type TokenSecrets struct{ key []byte }

// NewTokenSecrets derives a key of its own from ENCRYPTION_KEY. Tokens that exist outlive another ENCRYPTION_KEY: they
// are checked against their hashes.
func NewTokenSecrets(encryptionKey [32]byte) (TokenSecrets, error) {
	key, err := hkdf.Key(sha256.New, encryptionKey[:], nil, "ticketd: secrets of tokens", sha256.Size)
	if err != nil {
		return TokenSecrets{}, fmt.Errorf("derive the key of tokens: %w", err)
	}
	return TokenSecrets{key: key}, nil
}

// Secret implements commands.Secrets. Each word is preceded by its length, so that no two lists of words are one text.
func (s TokenSecrets) Secret(words ...string) [32]byte {
	mac := hmac.New(sha256.New, s.key)
	for _, word := range words {
		_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(word)))) // a hash never fails
		_, _ = mac.Write([]byte(word))
	}
	return [32]byte(mac.Sum(nil))
}
