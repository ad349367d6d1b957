package http

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/projections"
)

// appendJSON writes the list as encoding/json would write it without escaping HTML.
//
// # Why
//
// A list of fifty tickets has more than fifteen hundred fields, and going through them by reflection took most of a
// list's time. The struct Ticket stays the one description of the JSON: a test compares both forms over random tickets.
func (l TicketList) appendJSON(b []byte) ([]byte, error) {
	switch body := l.any.(type) {
	case []Ticket:
		return appendTickets(b, body)
	case TicketEnvelope:
		b = append(b, `{"items":`...)
		b, err := appendTickets(b, body.Items)
		b = appendInt(append(b, `,"total":`...), body.Total)
		b = appendInt(append(b, `,"page":`...), body.Page)
		b = appendInt(append(b, `,"size":`...), body.Size)
		b = appendInt(append(b, `,"pages":`...), body.Pages)
		b = strconv.AppendBool(append(b, `,"has_next":`...), body.HasNext)
		b = strconv.AppendBool(append(b, `,"has_prev":`...), body.HasPrev)
		return append(b, '}'), err
	}
	return appendAny(b, l.any)
}

func appendTickets(b []byte, tickets []Ticket) ([]byte, error) {
	b = append(b, '[')
	for i := range tickets {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = tickets[i].appendJSON(b); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func (t *Ticket) appendJSON(b []byte) (_ []byte, err error) {
	b = appendID(append(b, `{"id":`...), t.ID)
	b = strconv.AppendInt(append(b, `,"number":`...), t.Number, 10)
	b = appendText(append(b, `,"title":`...), t.Title)
	b = appendText(append(b, `,"description":`...), t.Description)
	b = appendText(append(b, `,"status":`...), t.Status)
	b = appendText(append(b, `,"priority":`...), t.Priority)
	b = appendText(append(b, `,"urgency":`...), t.Urgency)
	b = appendText(append(b, `,"category":`...), t.Category)
	b = appendOptional(append(b, `,"subcategory":`...), t.Subcategory, appendText)
	b = appendOptional(append(b, `,"department":`...), t.Department, appendText)
	b = appendList(append(b, `,"tags":`...), t.Tags, appendText)
	b = append(b, `,"custom_fields":`...)
	if len(t.CustomFields) == 0 && t.CustomFields != nil {
		b = append(b, '{', '}')
	} else if b, err = appendAny(b, t.CustomFields); err != nil {
		return nil, err
	}
	b = appendText(append(b, `,"source_channel":`...), t.SourceChannel)
	b = appendPerson(append(b, `,"created_by":`...), t.CreatedBy)
	b = appendPerson(append(b, `,"creator":`...), t.Creator)
	b = appendOptional(append(b, `,"assigned_to_id":`...), t.AssignedTo, appendID)
	b = appendList(append(b, `,"attachments":`...), t.Attachments, appendAttachment)
	b = appendList(append(b, `,"files":`...), t.Files, appendFile)
	b = appendInt(append(b, `,"file_count":`...), t.FileCount)
	if b, err = appendAny(append(b, `,"ai":`...), t.AI); err != nil {
		return nil, err
	}
	b = strconv.AppendBool(append(b, `,"ai_generated":`...), t.AIGenerated)
	b = appendOptional(append(b, `,"resolution_summary":`...), t.ResolutionSummary, appendText)
	b = appendOptional(append(b, `,"first_response_at":`...), t.FirstResponseAt, appendTime)
	b = appendOptional(append(b, `,"resolved_at":`...), t.ResolvedAt, appendTime)
	b = appendOptional(append(b, `,"closed_at":`...), t.ClosedAt, appendTime)
	b = appendTime(append(b, `,"last_activity_at":`...), t.LastActivityAt)
	b = appendInt(append(b, `,"comment_count":`...), t.CommentCount)
	b = appendOptional(append(b, `,"integration_id":`...), t.IntegrationID, appendID)
	b = appendOptional(append(b, `,"external_ticket_id":`...), t.ExternalTicketID, appendText)
	b = appendOptional(append(b, `,"external_ticket_url":`...), t.ExternalTicketURL, appendText)
	if b, err = appendAny(append(b, `,"integration_result":`...), t.IntegrationResult); err != nil {
		return nil, err
	}
	b = appendInt(append(b, `,"version":`...), t.Version)
	b = appendTime(append(b, `,"created_at":`...), t.CreatedAt)
	b = appendTime(append(b, `,"updated_at":`...), t.UpdatedAt)
	return append(b, '}'), nil
}

// appendAny leaves to encoding/json what is rare. What no ticket has yet costs it nothing.
func appendAny(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case *TicketAI:
		if v == nil {
			return append(b, "null"...), nil
		}
	case *IntegrationResult:
		if v == nil {
			return append(b, "null"...), nil
		}
	}
	out := bytes.NewBuffer(b)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return out.Bytes()[:out.Len()-1], nil // it ends lines
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendOptional[T any](b []byte, value *T, appendValue func([]byte, T) []byte) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return appendValue(b, *value)
}

func appendList[T any](b []byte, list []T, appendValue func([]byte, T) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, value := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, value)
	}
	return append(b, ']')
}

func appendID(b []byte, id uuid.UUID) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i, octet := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[octet>>4], digits[octet&15])
	}
	return append(b, '"')
}

func appendTime(b []byte, t Timestamp) []byte {
	b = time.Time(t).UTC().AppendFormat(append(b, '"'), projections.Millis)
	return append(b, '"')
}

func appendPerson(b []byte, p Person) []byte {
	b = appendID(append(b, `{"id":`...), p.ID)
	b = appendText(append(b, `,"username":`...), p.Username)
	b = appendText(append(b, `,"full_name":`...), p.FullName)
	return append(b, '}')
}

func appendAttachment(b []byte, a AttachmentRef) []byte {
	return append(appendID(append(b, `{"file_id":`...), a.FileID), '}')
}

func appendFile(b []byte, f TicketFile) []byte {
	b = appendID(append(b, `{"id":`...), f.ID)
	b = appendText(append(b, `,"filename":`...), f.Filename)
	b = strconv.AppendInt(append(b, `,"file_size":`...), f.FileSize, 10)
	b = appendText(append(b, `,"mime_type":`...), f.MIMEType)
	b = appendText(append(b, `,"file_category":`...), f.FileCategory)
	b = appendText(append(b, `,"status":`...), f.Status)
	b = appendOptional(append(b, `,"url":`...), f.URL, appendText)
	return append(b, '}')
}

// appendText copies whole stretches of what needs no escape, and leaves rare characters to encoding/json.
func appendText(b []byte, text string) []byte {
	before := len(b)
	b = append(b, '"')
	from := 0
	for i := 0; i < len(text); i++ {
		var escape byte
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
				return appendRare(b[:before], text)
			}
			i += size - 1
			continue
		case c == '"' || c == '\\':
			escape = c
		case c == '\n':
			escape = 'n'
		case c == '\r':
			escape = 'r'
		case c == '\t':
			escape = 't'
		case c < ' ':
			return appendRare(b[:before], text)
		default:
			continue
		}
		b = append(append(b, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(append(b, text[from:]...), '"')
}

func appendRare(b []byte, text string) []byte {
	b, _ = appendAny(b, text) // a text always marshals
	return b
}
