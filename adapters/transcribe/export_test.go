package transcribe

import "time"

// Header is the beginning of a WAV of so many bytes.
var Header = header

// InPieces makes the reader cut what is longer than such a piece.
func (r *Reader) InPieces(least, most, reach time.Duration) *Reader {
	r.lengths = lengths{whole: most, most: most, least: least, reach: reach}
	return r
}
