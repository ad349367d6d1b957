package slack

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	slackapi "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// What Slack shows at most, in characters.
const (
	headerMost  = 150
	sectionMost = 3_000
	sections    = 4 // of one message: all its blocks together may not be much longer
	textMost    = 3_900
	factMost    = 500
)

// The blocks that are found again by their ids.
const (
	descriptionBlock = "description_" // with its number
	statusBlock      = "status"
)

// ticketBlocks answers how a ticket looks, and what of it had to be cut, in sentences.
func ticketBlocks(d commands.Draft, status slackapi.Block) (blocks []slackapi.Block, note string) {
	var notes []string
	title, cut := outbound.Cut(oneLine(d.Title), headerMost, "")
	if cut {
		notes = append(notes, "The title was cut to "+strconv.Itoa(headerMost)+" characters.")
	}
	blocks = append(blocks, slackapi.NewHeaderBlock(plain(title)))
	words, cut := wordBlocks(d.Description, d.Link)
	if cut {
		notes = append(notes, "The description was cut to "+strconv.Itoa(sections*sectionMost)+" characters.")
	}
	blocks = append(blocks, words...)
	blocks = append(blocks, slackapi.NewContextBlock("facts", facts(d)...), status)
	if d.Link != "" {
		open := slackapi.NewTextBlockObject(slackapi.MarkdownType, "<"+slackutilsx.EscapeMessage(d.Link)+"|Open the ticket>", false, false)
		blocks = append(blocks, slackapi.NewContextBlock("link", open))
	}
	return blocks, strings.Join(notes, " ")
}

// facts answers what a ticket is besides its words.
func facts(d commands.Draft) []slackapi.MixedElement {
	all := []slackapi.MixedElement{plain("Ticket " + strconv.FormatInt(d.Number, 10))}
	for _, fact := range []struct{ name, value string }{
		{"Priority", d.Priority}, {"Category", d.Category}, {"Tags", strings.Join(d.Tags, ", ")}, {"By", name(d.Creator)},
	} {
		if fact.value != "" {
			text, _ := outbound.Cut(fact.name+": "+oneLine(fact.value), factMost, "")
			all = append(all, plain(text))
		}
	}
	return all
}

func name(p commands.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// wordBlocks answers what somebody wrote. It is plain text, in which nothing calls for the whole channel.
func wordBlocks(text, link string) (blocks []slackapi.Block, wasCut bool) {
	text, wasCut = outbound.Cut(text, sections*sectionMost, link)
	for i, piece := range pieces(text) {
		blocks = append(blocks, slackapi.NewSectionBlock(plain(piece), nil, nil, slackapi.SectionBlockOptionBlockID(descriptionBlock+strconv.Itoa(i))))
	}
	return blocks, wasCut
}

// pieces answers a text in pieces that a section holds.
func pieces(text string) []string {
	var all []string
	for piece := range slices.Chunk([]rune(text), sectionMost) {
		all = append(all, string(piece))
	}
	return all
}

// showStatus answers the block that tells a status.
func showStatus(emoji, words string) slackapi.Block {
	if emoji != "" {
		words = ":" + emoji + ": " + words
	}
	return slackapi.NewContextBlock(statusBlock, slackapi.NewTextBlockObject(slackapi.PlainTextType, words, true, false))
}

// inWords answers what an emoji stands for here; several statuses may share one.
func inWords(mapping integration.Mapping, emoji string) string {
	var all []string
	for _, here := range slices.Sorted(maps.Keys(mapping.Status)) {
		if mapping.Status[here] == emoji {
			all = append(all, words(here))
		}
	}
	return strings.Join(all, " or ")
}

func words(status string) string { return strings.ReplaceAll(status, "_", " ") }

// kept answers blocks that stand in Slack, with another status. Blocks that make no sense any more are left as they are: false.
func kept(raw json.RawMessage, status slackapi.Block) ([]slackapi.Block, bool) {
	var b slackapi.Blocks
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, false
	}
	for i, block := range b.BlockSet {
		if block.ID() == statusBlock {
			b.BlockSet[i] = status
			return b.BlockSet, true
		}
	}
	return nil, false
}

// statusOf answers the block that tells the status of a message as it stands in Slack.
func statusOf(raw json.RawMessage) (slackapi.Block, bool) {
	var b slackapi.Blocks
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, false
	}
	at := slices.IndexFunc(b.BlockSet, func(block slackapi.Block) bool { return block.ID() == statusBlock })
	if at < 0 {
		return nil, false
	}
	return b.BlockSet[at], true
}

func plain(text string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.PlainTextType, text, false, false)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
