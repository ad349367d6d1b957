package extract

import (
	"context"
	"slices"

	"ticketd/commands"
	"ticketd/domain/file"
)

// headersMost is how many headers and footers of a document are read: each section may have its own six.
const headersMost = 100

// word reads a Word document: headers, text, footnotes, footers.
func word(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	b, err := unzipped(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer b.close()
	part, err := b.main("word/document.xml")
	if err != nil {
		return file.Reading{}, err
	}
	related, err := b.relationsOf(part)
	if err != nil {
		return file.Reading{}, err
	}
	var d draft
	if err := b.about(&d); err != nil {
		return file.Reading{}, err
	}
	margins := func(kind string) error {
		seen := make(map[string]bool)
		for _, name := range first(related.of(kind), headersMost) {
			// Each section repeats what the one before has.
			own := draft{taken: d.taken}
			if err := b.prose(&own, name); err != nil {
				return err
			}
			if text := own.text.String(); !seen[text] {
				seen[text] = true
				d.write(text)
				d.full = d.full || own.full // what is cut already fits
			}
		}
		return nil
	}
	if err := margins("header"); err != nil {
		return file.Reading{}, err
	}
	for _, name := range slices.Concat([]string{part}, first(related.of("footnotes"), 1), first(related.of("endnotes"), 1)) {
		if err := b.prose(&d, name); err != nil {
			return file.Reading{}, err
		}
	}
	if err := margins("footer"); err != nil {
		return file.Reading{}, err
	}
	return d.reading("docx"), nil
}

// first answers so many elements, or all.
func first[T any](all []T, most int) []T { return all[:min(most, len(all))] }
