package eventstore

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
)

// eventOf reads the line of an event in the one spelling that Export writes; false for any other, which is read as JSON.
//
// # Why
//
// Almost every line of an export is an event's, and JSON takes several times as long to read it as to hash it.
func eventOf(line []byte) (e ExportedEvent, ok bool) {
	c := cursor{rest: line, ok: true}
	e.Position = c.number(`{"event":{"position":`)
	e.Org = c.id(`,"org":`)
	e.Stream = c.id(`,"stream":`)
	e.Version = int(c.number(`,"version":`))
	e.Type = c.text(`,"type":`)
	e.RecordedAt = c.text(`,"recorded_at":`)
	e.Data = c.text(`,"data":`)
	e.Metadata = c.text(`,"metadata":`)
	e.PrevHash = c.text(`,"prev_hash":`)
	e.Hash = c.text(`,"hash":`)
	c.skip(`}}`)
	return e, c.ok && len(c.rest) == 0
}

// cursor goes through a line; ok until it meets something else than it was told to expect.
type cursor struct {
	rest []byte
	ok   bool
}

func (c *cursor) skip(want string) {
	after, found := bytes.CutPrefix(c.rest, []byte(want))
	c.rest, c.ok = after, c.ok && found
}

func (c *cursor) number(name string) int64 {
	c.skip(name)
	digits := 0
	for digits < len(c.rest) && '0' <= c.rest[digits] && c.rest[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(string(c.rest[:digits]), 10, 64)
	c.ok = c.ok && err == nil && (c.rest[0] != '0' || digits == 1)
	c.rest = c.rest[digits:]
	return n
}

func (c *cursor) id(name string) uuid.UUID {
	text := c.text(name)
	id, err := uuid.Parse(text)
	c.ok = c.ok && err == nil && len(text) == 36
	return id
}

// text reads a string in which nothing is escaped but quotes and backslashes.
func (c *cursor) text(name string) string {
	c.skip(name)
	c.skip(`"`)
	if !c.ok {
		return ""
	}
	var text []byte
	for {
		n := bytes.IndexAny(c.rest, "\"\\")
		if n < 0 || n+1 == len(c.rest) {
			c.ok = false
			return ""
		}
		part := c.rest[:n]
		if c.rest[n] == '"' {
			c.rest = c.rest[n+1:]
			if text != nil { // else nothing was escaped
				part = append(text, part...)
			}
			c.ok = plain(part)
			return string(part)
		}
		escaped := c.rest[n+1]
		if escaped != '"' && escaped != '\\' {
			c.ok = false
			return ""
		}
		if text == nil {
			text = make([]byte, 0, len(c.rest)/2)
		}
		text, c.rest = append(append(text, part...), escaped), c.rest[n+2:]
	}
}

// plain reports text that JSON takes as it is.
func plain(text []byte) bool {
	for _, b := range text {
		if b < ' ' {
			return false
		}
	}
	return utf8.Valid(text)
}
