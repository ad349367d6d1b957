package extract

import (
	"path"
	"strings"
)

// prose writes the paragraphs and tables of a part of an Office document. Word and PowerPoint have the same names for
// them: t is text, p a paragraph, tr and tc are rows and cells of tables.
type prose struct {
	flow

	runs int // elements t that are open: what is between others is layout
}

// prose writes a part.
func (b *bundle) prose(d *draft, part string) error {
	p := &prose{flow: flow{d: d}}
	err := b.visited(part, p, func() bool { return d.full })
	p.end()
	return err
}

// enter implements visitor. What was deleted, moved away, or is there a second time for older programs is left out.
func (p *prose) enter(name string, a attributes) bool {
	switch name {
	case "del", "moveFrom", "Fallback":
		return false
	case "fld":
		return a.get("type") != "slidenum"
	case "t":
		p.runs++
	case "tab":
		// In the properties of a paragraph it is where a tab would go to, and says where that is.
		if a.get("pos") == "" {
			p.say("\t")
		}
	case "br", "cr":
		p.line()
	case "noBreakHyphen":
		p.say("-")
	case "tc":
		p.cell()
	}
	return true
}

// text implements visitor.
func (p *prose) text(text string) {
	if p.runs > 0 {
		p.say(text)
	}
}

// leave implements visitor.
func (p *prose) leave(name string) {
	switch name {
	case "t":
		p.runs--
	case "p":
		p.line()
	case "tc":
		p.endCell()
	case "tr":
		p.endRow()
	}
}

// relations are the parts that a part of an Office document names, in the order in which it lists them.
type relations struct {
	from string // the part they belong to
	all  []relation
}

type relation struct{ id, kind, target string }

// relationsMost is how many relations of one part are looked at.
const relationsMost = 20_000

// relationsOf answers the relations of a part; of the document itself for an empty name.
func (b *bundle) relationsOf(part string) (*relations, error) {
	r := &relations{from: part}
	folder, name := path.Split(part)
	return r, b.visited(folder+"_rels/"+name+".rels", r, func() bool { return len(r.all) == relationsMost })
}

// enter implements visitor.
func (r *relations) enter(name string, a attributes) bool {
	if name == "Relationship" && !strings.EqualFold(a.get("TargetMode"), "External") {
		target := strings.ReplaceAll(a.get("Target"), `\`, "/")
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", path.Dir(r.from), target)
		}
		r.all = append(r.all, relation{id: a.get("Id"), kind: path.Base(a.get("Type")), target: strings.TrimPrefix(path.Clean(target), "/")})
	}
	return true
}

// text implements visitor.
func (*relations) text(string) {}

// leave implements visitor.
func (*relations) leave(string) {}

// of answers the parts of a kind: "header", "notesSlide".
func (r *relations) of(kind string) []string {
	var parts []string
	for _, one := range r.all {
		if one.kind == kind {
			parts = append(parts, one.target)
		}
	}
	return parts
}

// main answers the part of a document that holds its content, where it is usually if the document does not say.
func (b *bundle) main(usual string) (string, error) {
	r, err := b.relationsOf("")
	if err != nil {
		return "", err
	}
	if parts := r.of("officeDocument"); len(parts) > 0 {
		usual = parts[0]
	}
	if b.find(usual) == nil {
		return "", errAbsent
	}
	return usual, nil
}
