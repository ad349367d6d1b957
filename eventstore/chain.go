package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Hash is one link of a stream's chain: SHA-256 over the hash before it and every stored column but the position.
// The first event of a stream follows the zero Hash.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// link hashes one stored event. Every part of variable length is preceded by its length, so no two events share an input.
func link(prev Hash, org, stream uuid.UUID, version int, storedName string, at time.Time, data, metadata []byte) Hash {
	input := make([]byte, 0, 128+len(storedName)+len(data)+len(metadata))
	input = append(input, prev[:]...)
	input = append(input, org[:]...)
	input = append(input, stream[:]...)
	input = binary.BigEndian.AppendUint64(input, uint64(version)) //nolint:gosec // versions count from 1
	input = binary.BigEndian.AppendUint64(input, uint64(at.UnixMicro()))
	for _, part := range [][]byte{[]byte(storedName), data, metadata} {
		input = binary.BigEndian.AppendUint64(input, uint64(len(part)))
		input = append(input, part...)
	}
	return sha256.Sum256(input)
}

// parseHash reads what String writes.
func parseHash(text string) (h Hash, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return h, fmt.Errorf("read a hash: %w", err)
	}
	if len(raw) != len(h) {
		return h, fmt.Errorf("a hash has %d bytes, and this one %d", len(h), len(raw))
	}
	return Hash(raw), nil
}
