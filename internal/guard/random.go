package guard

import (
	"math"
	"slices"
	"strings"
)

const (
	// minRandom is how long a random token is at least, and minPiece what is between the signs in it.
	minRandom = 32
	minPiece  = 16
	// minEntropy is how much a character of a piece tells, in bits; of 16 different ones each tells 4.
	minEntropy = 3
)

// digests are the lengths of hexadecimal digests, from MD5 to SHA-512.
var digests = []int{32, 40, 56, 64, 96, 128}

// isRandomPart reports a token without slashes that nobody has thought up: one long piece of it is enough, for what people
// and programs name has short ones, or words in it.
func isRandomPart(part string) bool {
	for piece := range strings.FieldsFuncSeq(part, isSign) {
		if len(piece) >= minPiece && isRandomPiece(piece) {
			return true
		}
	}
	return false
}

func isSign(r rune) bool { return r == '-' || r == '_' || r == '+' || r == '=' }

// isRandomRun reports the same of one with slashes. It is no path: no part of it is a word or a number.
func isRandomRun(run string) bool {
	joined := strings.ReplaceAll(run, "/", "")
	if len(joined) == len(run) || !isNameByte(run[0]) || strings.Contains(run, "//") {
		return false
	}
	for part := range strings.SplitSeq(run, "/") {
		if spanLength(part, func(c byte) bool { return isDigit(c) || c == '-' }) == len(part) || isHex(part) ||
			spanLength(part, func(c byte) bool { return 'a' <= c && c <= 'z' || c == '-' }) == len(part) {
			return false
		}
	}
	upper := strings.ContainsFunc(joined, func(r rune) bool { return 'A' <= r && r <= 'Z' })
	return upper && isRandomPiece(strings.TrimRight(joined, "="))
}

// isRandomPiece reports letters and digits in no order.
func isRandomPiece(piece string) bool {
	digits := strings.ContainsAny(piece, "0123456789")
	lower := strings.ContainsFunc(piece, func(r rune) bool { return 'a' <= r && r <= 'z' })
	upper := strings.ContainsFunc(piece, func(r rune) bool { return 'A' <= r && r <= 'Z' })
	switch {
	case isHex(piece):
		return digits && (lower || upper) && len(piece) >= minRandom && !slices.Contains(digests, len(piece)) && entropy(piece) >= minEntropy
	case digits || lower && upper:
		return entropy(piece) >= minEntropy && !isWordy(piece)
	}
	return false
}

func isHex(text string) bool {
	return spanLength(text, func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }) == len(text)
}

// entropy answers Shannon's, in bits a character.
func entropy(text string) float64 {
	var counts [256]int
	for i := range len(text) {
		counts[text[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			share := float64(n) / float64(len(text))
			bits -= share * math.Log2(share)
		}
	}
	return bits
}

// isWordy reports letters that are words for the most part, as in AbstractTicketFactory2: small ones in a row with a vowel
// among them, and the capital before.
func isWordy(piece string) bool {
	inWords := 0
	for i := 0; i < len(piece); {
		start := i
		if 'A' <= piece[i] && piece[i] <= 'Z' {
			i++
		}
		small := spanLength(piece[i:], func(c byte) bool { return 'a' <= c && c <= 'z' })
		if small >= 3 && strings.ContainsAny(piece[i:i+small], "aeiouy") {
			inWords += i - start + small
		}
		i = max(i+small, start+1)
	}
	return 2*inWords > len(piece)
}

// integrity is how long digests are in base64.
var integrity = map[string]int{"sha1": 28, "sha256": 44, "sha384": 64, "sha512": 88}

// integrityLength answers the length of a digest in base64 that says so, as in sha256-47DEQ...=.
func integrityLength(text string) int {
	name, _, ok := strings.Cut(text[:min(len(text), len("sha256-"))], "-")
	length := integrity[name]
	if !ok || length == 0 {
		return 0
	}
	start := len(name) + 1
	if runLength(text[start:min(len(text), start+length+1)], isRunByte) != length {
		return 0
	}
	return start + length
}
