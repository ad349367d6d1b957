package extract

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"ticketd/commands"
	"ticketd/domain/file"
)

// groupsMost is how many groups of a rich text may be open.
const groupsMost = 1000

var (
	errNotRich = errors.New("no rich text")
	errGroups  = errors.New("groups are nested too deep, or do not end")
)

// rich reads a rich text (RTF).
func rich(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	in, done, err := opened(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer done()
	var d draft
	if err := (&richText{flow: flow{d: &d}, in: in, page: charmap.Windows1252}).read(); err != nil {
		return file.Reading{}, err
	}
	return d.reading("rtf"), nil
}

// asides are the groups whose text is none of the document's.
var asides = map[string]bool{
	"fonttbl": true, "colortbl": true, "stylesheet": true, "pict": true, "object": true, "themedata": true, "xmlnstbl": true,
	"listtable": true, "listoverridetable": true, "rsidtbl": true, "generator": true, "datastore": true, "info": true,
}

// richFacts are the groups in which a document says something of itself.
var richFacts = map[string]string{"title": "title", "author": "author", "subject": "subject", "keywords": "keywords"}

// richSigns are the words that stand for text.
var richSigns = map[string]string{
	"tab": "\t", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
	"~": "\u00a0", "_": "-", "{": "{", "}": "}", `\`: `\`,
}

// codePages are the encodings that a document may name.
var codePages = map[int]*charmap.Charmap{
	437: charmap.CodePage437, 850: charmap.CodePage850, 866: charmap.CodePage866, 874: charmap.Windows874,
	1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253,
	1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
	1258: charmap.Windows1258, 10000: charmap.Macintosh,
}

// group is what holds between two braces.
type group struct {
	aside bool
	fact  string // what its text is, of the document's facts
	skip  int    // characters that follow one that is written as a number, for programs that do not know numbers
}

type richText struct {
	flow

	in    *bufio.Reader
	page  *charmap.Charmap
	now   group
	outer []group
	fact  strings.Builder
	left  int  // characters to pass over
	high  rune // the first half of a character that is written as two numbers
}

func (t *richText) read() error {
	if start, err := t.in.Peek(len(`{\rtf`)); err != nil || string(start) != `{\rtf` {
		return errors.Join(errNotRich, err)
	}
	t.now.skip = 1
	for !t.d.full {
		b, err := t.in.ReadByte()
		if errors.Is(err, io.EOF) && len(t.outer) > 0 {
			return errGroups
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch b {
		case '{':
			if len(t.outer) == groupsMost {
				return errGroups
			}
			t.outer, t.left = append(t.outer, t.now), 0
		case '}':
			if t.leave(); len(t.outer) == 0 {
				return nil
			}
		case '\\':
			if err := t.control(); err != nil {
				return err
			}
		case '\r', '\n':
		default:
			t.character(t.page.DecodeByte(b))
		}
	}
	return nil
}

// leave ends a group.
func (t *richText) leave() {
	last := len(t.outer) - 1
	if t.now.fact != t.outer[last].fact {
		t.d.fact(t.now.fact, t.fact.String())
		t.fact.Reset()
	}
	t.now, t.outer, t.left = t.outer[last], t.outer[:last], 0
}

// character writes a character, unless one before it stands for it.
func (t *richText) character(c rune) {
	if t.left > 0 {
		t.left--
		return
	}
	t.put(string(c))
}

// put writes text where it belongs.
func (t *richText) put(text string) {
	switch {
	case t.now.fact != "":
		if t.fact.Len() < wordMost {
			t.fact.WriteString(text)
		}
	case !t.now.aside:
		t.say(text)
	}
}

// control reads what follows a backslash.
func (t *richText) control() error {
	b, err := t.in.ReadByte()
	if err != nil {
		return err
	}
	switch {
	case b == '\'':
		return t.coded()
	case b == '*':
		t.now.aside = true
		return nil
	case b == '\r' || b == '\n':
		t.paragraph()
		return nil
	case !letter(b):
		t.put(richSigns[string(rune(b))])
		return nil
	}
	word := []byte{b}
	var number []byte
	for {
		b, err = t.in.ReadByte()
		if err != nil {
			return err
		}
		if letter(b) && number == nil && len(word) < 32 {
			word = append(word, b)
			continue
		}
		if (b >= '0' && b <= '9' || b == '-' && number == nil) && len(number) < 11 {
			number = append(number, b)
			continue
		}
		break
	}
	if b != ' ' {
		if err := t.in.UnreadByte(); err != nil {
			return err
		}
	}
	n, err := strconv.Atoi(string(number))
	return t.word(string(word), n, err == nil)
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// coded reads a character that is written as two hexadecimal digits.
func (t *richText) coded() error {
	var digits [2]byte
	if _, err := io.ReadFull(t.in, digits[:]); err != nil {
		return err
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 8)
	if err != nil {
		return errNotRich
	}
	t.character(t.page.DecodeByte(byte(n)))
	return nil
}

func (t *richText) paragraph() {
	if t.now.fact == "" && !t.now.aside {
		t.line()
	}
}

// word does what a control word says; n is its number, if it has one.
func (t *richText) word(word string, n int, numbered bool) error {
	switch word {
	case "par", "line", "sect", "page":
		t.paragraph()
	case "cell", "nestcell":
		t.apart("\t")
	case "row", "nestrow":
		t.endRow()
	case "u":
		t.unicode(rune(uint16(n))) //nolint:gosec // numbers above 32767 are written as negative ones
	case "uc":
		t.now.skip = min(max(0, n), 10)
	case "ansicpg":
		if page, ok := codePages[n]; ok {
			t.page = page
		}
	case "mac":
		t.page = charmap.Macintosh
	case "bin":
		if numbered && n > 0 {
			_, err := io.CopyN(io.Discard, t.in, int64(n))
			return err
		}
	default:
		if fact, ok := richFacts[word]; ok && t.now.aside {
			t.now.fact = fact
		}
		t.now.aside = t.now.aside || asides[word]
		t.put(richSigns[word])
	}
	return nil
}

// unicode writes a character that is written as a number, or as two.
func (t *richText) unicode(c rune) {
	t.left = t.now.skip
	switch {
	case utf16.IsSurrogate(c) && t.high == 0:
		t.high = c
	case utf16.IsSurrogate(c):
		t.put(string(utf16.DecodeRune(t.high, c)))
		t.high = 0
	default:
		t.high = 0
		t.put(string(c))
	}
}
