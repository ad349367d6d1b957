package extract

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"regexp"
	"strings"

	"github.com/jhillyerd/enmime/v2"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// mailMost is how many bytes of a mail are read, without what is attached to it.
	mailMost = 8 << 20
	// attachedMost is how many bytes of an attachment are: its name stands before them.
	attachedMost = 1 << 10
	// boundariesMost is how many parts of a mail may have parts themselves.
	boundariesMost = 100
	// errorsMost is how many complaints about a mail the library keeps.
	errorsMost = 10
)

const (
	noteAttached = "What is attached to the mail was not opened."
	noteMail     = "The mail is longer than is read here."
)

var errBoundaries = errors.New("the parts of the mail are nested too deep")

// mail answers the parser of mails, which reads so many bytes of one.
func mail(most int) parser {
	return func(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
		in, done, err := opened(ctx, s)
		if err != nil {
			return file.Reading{}, err
		}
		defer done()
		return correspondence(&lightened{in: in, most: most})
	}
}

// correspondence reads a mail: who wrote to whom, when and about what, its text, and the names of what is attached.
func correspondence(light *lightened) (file.Reading, error) {
	parser := enmime.NewParser(enmime.DisableTextConversion(true), enmime.MaxStoredPartErrors(errorsMost), enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true))
	envelope, err := parser.ReadEnvelope(light)
	if err = errors.Join(err, light.failed); err != nil {
		return file.Reading{}, err
	}
	if len(envelope.GetHeaderKeys()) == 0 {
		return file.Reading{}, errAbsent
	}
	var d draft
	for _, name := range []string{"From", "To", "Cc", "Subject", "Date"} {
		value := strings.Join(envelope.GetHeaderValues(name), ", ")
		d.fact(strings.ToLower(name), value)
		if value = d.facts[strings.ToLower(name)]; value != "" {
			d.write(name + ": " + value + "\n")
		}
	}
	d.write("\n")
	if err := body(envelope, &d); err != nil {
		return file.Reading{}, err
	}
	attached(envelope, &d)
	if light.over {
		d.note(noteMail)
	}
	return d.reading("eml"), nil
}

// body writes the text of a mail; of its two forms the one without tags.
func body(envelope *enmime.Envelope, d *draft) error {
	if strings.TrimSpace(envelope.Text) != "" {
		d.write(strings.ReplaceAll(envelope.Text, "\r\n", "\n"))
		return nil
	}
	own := draft{taken: d.taken}
	if err := (&shown{flow: flow{d: &own}, fresh: true, blank: true}).read(strings.NewReader(envelope.HTML)); err != nil {
		return err
	}
	d.write(own.text.String())
	d.full = d.full || own.full // what is cut already fits
	return nil
}

// attached writes the names of what is attached.
func attached(envelope *enmime.Envelope, d *draft) {
	var names []string
	for _, parts := range [][]*enmime.Part{envelope.Attachments, envelope.Inlines, envelope.OtherParts} {
		for _, part := range parts {
			if name := strings.TrimSpace(clean(part.FileName)); name != "" {
				names = append(names, name)
			} else if part.ContentType == "message/rfc822" {
				names = append(names, "a mail")
			}
		}
	}
	if len(names) == 0 {
		return
	}
	d.write("\n\nAttached: " + strings.Join(names, ", ") + "\n")
	d.note(noteAttached)
}

// lightened gives a mail without the bytes of what is attached to it: the library holds all that it is given.
type lightened struct {
	in     *bufio.Reader
	most   int    // bytes that are given
	line   []byte // what of the current line is still to be given
	given  int
	failed error
	over   bool

	headers bool // the line belongs to the headers of a part
	started bool // there was a line
	inside  bool // the line goes on
	foreign bool // the part is no text
	part    int  // bytes of it so far
	nested  int  // how many parts have parts
}

// declaresParts finds the parameter of a header that separates parts, in whatever way it is written.
var declaresParts = regexp.MustCompile(`(?i)\bboundary[*0-9]*\s*=`)

// Read implements io.Reader.
func (l *lightened) Read(p []byte) (int, error) {
	for len(l.line) == 0 {
		line, err := l.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		if len(line) == 0 && err != nil {
			if !errors.Is(err, io.EOF) {
				l.failed = err
			}
			return 0, err
		}
		if l.wanted(line) {
			l.line = line
		}
		if l.nested > boundariesMost {
			l.failed = errBoundaries
			return 0, l.failed
		}
	}
	if l.given >= l.most {
		l.over = true
		return 0, io.EOF
	}
	n := copy(p, l.line)
	l.line = l.line[n:]
	l.given += n
	return n, nil
}

// wanted reports whether a line, or a piece of a long one, is for the parser, and remembers where in the mail it is.
func (l *lightened) wanted(line []byte) bool {
	begins := !l.inside
	l.inside = !bytes.HasSuffix(line, []byte("\n"))
	if begins {
		switch {
		case !l.started:
			l.started, l.headers = true, true
		case bytes.HasPrefix(line, []byte("--")):
			l.headers, l.foreign, l.part = true, false, 0
		case l.headers && len(bytes.TrimSpace(line)) == 0:
			l.headers = false
			return true
		}
	}
	if l.headers {
		l.nested += len(declaresParts.FindAllIndex(line, -1))
		if kind, ok := contentType(line); ok {
			l.foreign = !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "multipart/")
		}
		return true
	}
	l.part += len(line)
	return !l.foreign || l.part <= attachedMost
}

// contentType answers the type that a header's line says its part has.
func contentType(line []byte) (string, bool) {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || !strings.EqualFold(string(bytes.TrimSpace(name)), "Content-Type") {
		return "", false
	}
	kind, _, err := mime.ParseMediaType(strings.TrimRight(string(value), "; \t\r\n"))
	return kind, err == nil
}
