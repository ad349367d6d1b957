package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaf is what the signed log holds of one event: where it stands, and the hash of everything else. It holds the
// organization too, so that each can prove its own events without those of the others.
type Leaf struct {
	Position int64
	Org      uuid.UUID
	Stream   uuid.UUID
	Version  int
	Hash     Hash
}

// leaf is the Leaf that an event should have: its hash is made anew.
func (r Raw) leaf() Leaf {
	return Leaf{Position: r.Position, Org: r.Org, Stream: r.Stream, Version: r.Version, Hash: r.Link()}
}

// Line is the leaf as it is hashed into the tree: "<position> <org> <stream> <version> <hash in hex>\n". It is text, so
// that anybody can make it with what every machine has.
func (l Leaf) Line() string { return string(l.appendLine(nil)) }

func (l Leaf) appendLine(b []byte) []byte {
	b = strconv.AppendInt(b, l.Position, 10)
	b = appendUUID(append(b, ' '), l.Org)
	b = appendUUID(append(b, ' '), l.Stream)
	b = strconv.AppendInt(append(b, ' '), int64(l.Version), 10)
	b = hex.AppendEncode(append(b, ' '), l.Hash[:])
	return append(b, '\n')
}

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}

// node is tlog.RecordHash of the line. It is written out because the library's allocates, once an event.
func (l Leaf) node() tlog.Hash {
	var space [256]byte
	return sha256.Sum256(l.appendLine(append(space[:0], 0)))
}

// parseLeaf reads a line, with its end. Only the one spelling that Line writes is one.
func parseLeaf(line string) (l Leaf, err error) {
	parts := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(parts) != 5 {
		return l, fmt.Errorf("an entry has 5 parts, and this one %d", len(parts))
	}
	l.Position, _ = strconv.ParseInt(parts[0], 10, 64) // whatever goes wrong is found by writing it again
	l.Org, _ = uuid.Parse(parts[1])
	l.Stream, _ = uuid.Parse(parts[2])
	l.Version, _ = strconv.Atoi(parts[3])
	hash, _ := hex.DecodeString(parts[4])
	copy(l.Hash[:], hash)
	if l.Line() != line {
		return l, fmt.Errorf("%q is no entry", line)
	}
	return l, nil
}

// leafSize is how many bytes a leaf has in the table.
const leafSize = 8 + 16 + 16 + 4 + sha256.Size

func (l Leaf) appendBinary(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(l.Position)) //nolint:gosec // positions count from 1
	b = append(b, l.Org[:]...)
	b = append(b, l.Stream[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(l.Version)) //nolint:gosec // a stream never holds 2^31 events
	return append(b, l.Hash[:]...)
}

// leafOf reads the leafSize bytes at the start of b.
func leafOf(b []byte) (l Leaf) {
	l.Position = int64(binary.BigEndian.Uint64(b)) //nolint:gosec // what was changed need not make sense
	copy(l.Org[:], b[8:])
	copy(l.Stream[:], b[24:])
	l.Version = int(binary.BigEndian.Uint32(b[40:]))
	copy(l.Hash[:], b[44:])
	return l
}
