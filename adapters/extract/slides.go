package extract

import (
	"context"
	"fmt"
	"strconv"

	"ticketd/commands"
	"ticketd/domain/file"
)

// slidesMost is how many slides of a presentation are read.
const slidesMost = 500

// slides reads a PowerPoint presentation: a page for each slide, with what its speaker noted.
func slides(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	b, err := unzipped(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer b.close()
	part, err := b.main("ppt/presentation.xml")
	if err != nil {
		return file.Reading{}, err
	}
	var d draft
	if err := b.about(&d); err != nil {
		return file.Reading{}, err
	}
	names, err := b.slidesOf(part)
	if err != nil {
		return file.Reading{}, err
	}
	d.fact("slides", strconv.Itoa(len(names)))
	if len(names) > slidesMost {
		d.note(fmt.Sprintf("Only the first %d of %d slides were read.", slidesMost, len(names)))
	}
	names = first(names, slidesMost)
	for i, name := range names {
		progress(100*i/len(names), fmt.Sprintf("slide %d of %d", i+1, len(names)))
		if err := b.slide(&d, name); err != nil {
			return file.Reading{}, err
		}
		d.turn("")
	}
	return d.reading("pptx"), nil
}

// slide writes a slide and its notes.
func (b *bundle) slide(d *draft, name string) error {
	if err := b.prose(d, name); err != nil {
		return err
	}
	related, err := b.relationsOf(name)
	if err != nil {
		return err
	}
	for _, notes := range first(related.of("notesSlide"), 1) {
		if err := b.prose(d, notes); err != nil {
			return err
		}
	}
	return nil
}

// slidesOf answers the parts that are slides, in the order in which they are shown.
func (b *bundle) slidesOf(presentation string) ([]string, error) {
	related, err := b.relationsOf(presentation)
	if err != nil {
		return nil, err
	}
	targets := make(map[string]string)
	for _, one := range related.all {
		targets[one.id] = one.target
	}
	order := &sequence{}
	if err := b.visited(presentation, order, func() bool { return len(order.ids) == relationsMost }); err != nil {
		return nil, err
	}
	var names []string
	for _, id := range order.ids {
		if name, ok := targets[id]; ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// sequence hears in which order slides are shown.
type sequence struct{ ids []string }

// enter implements visitor.
func (s *sequence) enter(name string, a attributes) bool {
	if name == "sldId" {
		s.ids = append(s.ids, a.prefixed("r", "id"))
	}
	return true
}

// text implements visitor.
func (*sequence) text(string) {}

// leave implements visitor.
func (*sequence) leave(string) {}
