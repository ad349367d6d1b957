package extract

import (
	"errors"
	"io"
)

const (
	// tokenMost is how many bytes a tag or a text between two tags may have: parsers hold it whole, several times.
	tokenMost = 2 << 20
	// depthMost is how deep elements may be nested: parsers remember each that is open.
	depthMost = 500
)

var (
	errDepth   = errors.New("elements are nested too deep")
	errSubsets = errors.New("the document declares entities")
)

// guard lets XML pass as long as no parser can be hurt by it. It follows the tags only as far as that needs.
type guard struct {
	from  io.Reader
	most  int // bytes of a tag or a text: tokenMost, but in tests
	state func(*guard, byte) error
	depth int
	run   int  // bytes since the tag or the text began
	last  byte // but one and the one before, where an end has three characters
	prior byte
	quote byte
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.from.Read(p)
	for _, b := range p[:n] {
		if g.state == nil {
			g.state = (*guard).text
		}
		if g.run++; g.run > g.most {
			return 0, errUnpacks
		}
		if failed := g.state(g, b); failed != nil {
			return 0, failed
		}
		g.prior, g.last = g.last, b
	}
	return n, err
}

// begin enters a state.
func (g *guard) begin(state func(*guard, byte) error) error {
	g.state, g.run, g.prior, g.last, g.quote = state, 0, 0, 0, 0
	return nil
}

func (g *guard) text(b byte) error {
	if b == '<' {
		return g.begin((*guard).bracket)
	}
	return nil
}

// bracket knows what a tag is by its first character.
func (g *guard) bracket(b byte) error {
	switch b {
	case '/':
		return g.begin((*guard).closing)
	case '?':
		return g.begin((*guard).instruction)
	case '!':
		return g.begin((*guard).bang)
	}
	if g.depth == depthMost {
		return errDepth
	}
	g.depth++
	return g.begin((*guard).opening)
}

func (g *guard) opening(b byte) error {
	switch {
	case g.quote != 0:
		if b == g.quote {
			g.quote = 0
		}
	case b == '"' || b == '\'':
		g.quote = b
	case b == '>':
		if g.last == '/' {
			g.depth--
		}
		return g.begin((*guard).text)
	}
	return nil
}

func (g *guard) closing(b byte) error {
	if b == '>' {
		g.depth--
		return g.begin((*guard).text)
	}
	return nil
}

func (g *guard) instruction(b byte) error {
	if b == '>' && g.last == '?' {
		return g.begin((*guard).text)
	}
	return nil
}

func (g *guard) bang(b byte) error {
	switch b {
	case '-':
		return g.begin((*guard).comment)
	case '[':
		return g.begin((*guard).raw)
	}
	return g.begin((*guard).directive)
}

func (g *guard) comment(b byte) error {
	if b == '>' && g.last == '-' && g.prior == '-' && g.run > 3 {
		return g.begin((*guard).text)
	}
	return nil
}

func (g *guard) raw(b byte) error {
	if b == '>' && g.last == ']' && g.prior == ']' {
		return g.begin((*guard).text)
	}
	return nil
}

// directive ends a document that declares entities. The formats do not allow it, and there is one use for it here.
func (g *guard) directive(b byte) error {
	switch {
	case b == '[' || b == '<':
		return errSubsets
	case g.quote != 0:
		if b == g.quote {
			g.quote = 0
		}
	case b == '"' || b == '\'':
		g.quote = b
	case b == '>':
		return g.begin((*guard).text)
	}
	return nil
}
