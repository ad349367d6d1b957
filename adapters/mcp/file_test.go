package mcp

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
)

func TestAnalyzeFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sure := 0.9
	picture := d.uploaded("bob", "a b.png", file.Image, readings{
		file.Validation: {Engine: "probe", Width: 20, Height: 10},
		file.OCR:        {Text: "Out of paper", Confidence: &sure, Language: "en", Notes: []string{"It is rotated."}, Regions: []file.Region{{Text: "Out of paper", Confidence: 0.9, X: 1, Y: 2, Width: 3, Height: 4, At: 5}}},
	})
	recording := d.uploaded("bob", "call.wav", file.Audio, readings{
		file.Transcription: {Text: "hello", Seconds: 2.5, Segments: []file.Segment{{Start: 0, End: 2.5, Text: "hello", Confidence: &sure}}},
	})
	film := d.uploaded("bob", "film.mp4", file.Video, readings{file.Transcription: {}, file.OCR: {Text: "The end"}})
	paper := d.uploaded("bob", "a.pdf", file.Document, readings{
		file.Extraction: {Text: "Dear sir", Pages: []file.Page{{Number: 1}, {Number: 2}}, Metadata: map[string]string{"author": "Ann"}},
	})
	thing := d.uploaded("bob", "a.bin", file.Other, nil)

	seen := d.ok("bob", "analyze_file", anyMap{"file_id": picture})
	require.Equal(t, anyMap{
		"file_id": picture, "filename": "a b.png", "mime_type": "application/x-test", "file_category": "image", "processing_status": "completed", "analysis_type": "ocr",
		"extracted_text": "Out of paper", "confidence": 0.9, "language": "en", "notes": []any{"It is rotated."},
		"metadata": anyMap{"file_size": 1234.0, "image_size": anyMap{"width": 20.0, "height": 10.0}},
	}, seen)
	heard := d.ok("bob", "analyze_file", anyMap{"file_id": recording, "analysis_type": "auto"})
	require.Equal(t, "transcription", heard["analysis_type"])
	require.Equal(t, 2.5, heard["metadata"].(anyMap)["duration"])
	require.Nil(t, heard["confidence"])
	require.Equal(t, "ocr", d.ok("bob", "analyze_file", anyMap{"file_id": film})["analysis_type"], "what has a text")
	require.Empty(t, d.ok("bob", "analyze_file", anyMap{"file_id": film, "analysis_type": "transcription"})["extracted_text"])
	read := d.ok("bob", "analyze_file", anyMap{"file_id": paper})
	require.Equal(t, "document", read["analysis_type"])
	require.Equal(t, "Dear sir", read["extracted_text"])
	require.EqualValues(t, 2, read["metadata"].(anyMap)["pages"])
	require.Equal(t, anyMap{"author": "Ann"}, read["metadata"].(anyMap)["properties"])
	bare := d.ok("bob", "analyze_file", anyMap{"file_id": thing})
	require.Equal(t, "metadata", bare["analysis_type"])
	require.Empty(t, bare["extracted_text"])
	require.Equal(t, "metadata", d.ok("bob", "analyze_file", anyMap{"file_id": paper, "analysis_type": "metadata"})["analysis_type"])

	regions := d.ok("bob", "extract_text_from_image", anyMap{"file_id": picture})
	require.Equal(t, "Out of paper", regions["extracted_text"])
	require.Equal(t, []any{anyMap{"text": "Out of paper", "confidence": 0.9, "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "at": 5.0}}, regions["regions"])
	segments := d.ok("bob", "transcribe_audio", anyMap{"file_id": recording})
	require.Equal(t, "hello", segments["extracted_text"])
	require.Equal(t, []any{anyMap{"start": 0.0, "end": 2.5, "text": "hello", "confidence": 0.9}}, segments["segments"])

	require.Contains(t, d.refuses("analysis_not_available", "bob", "extract_text_from_image", anyMap{"file_id": recording}).Message, "there is transcription, metadata")
	require.Contains(t, d.refuses("analysis_not_available", "bob", "transcribe_audio", anyMap{"file_id": picture}).Message, "there is ocr, metadata")
	require.Equal(t, "analysis_type", d.refuses("analysis_not_available", "bob", "analyze_file", anyMap{"file_id": picture, "analysis_type": "document"}).Field)
	d.refuses("arguments_invalid", "bob", "analyze_file", anyMap{"file_id": picture, "analysis_type": "magic"})
}

func TestAFileIsNamedByItsIDOrItsAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.uploaded("bob", "a b.txt", file.Text, readings{file.Extraction: {Text: "Hello"}})
	address := file.URL(domain.FileID{UUID: uuid.MustParse(id)}, "a b.txt")
	for _, ref := range []string{id, address} {
		require.Equal(t, "Hello", d.ok("bob", "analyze_file", anyMap{"file_id": ref})["extracted_text"])
		for _, tool := range []string{"analyze_file", "extract_text_from_image", "transcribe_audio"} {
			d.refuses("file_not_found", "cyd", tool, anyMap{"file_id": ref})
			d.refuses("file_not_found", "eve", tool, anyMap{"file_id": ref})
		}
	}
	require.Equal(t, "Hello", d.ok("aud", "analyze_file", anyMap{"file_id": id})["extracted_text"])
	for _, ref := range []string{
		"/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "a b.txt", address + "x", strings.Replace(address, "%20", "%zz", 1), "/api/v1/files/" + id, "/api/v1/files/" + id + "/storage/",
		"/api/v1/files/../storage/" + url.PathEscape("/etc/passwd"), "urn:uuid:" + id, uuid.NewString(), " ",
	} {
		_, refused := d.use("bob", "analyze_file", anyMap{"file_id": ref})
		require.NotNil(t, refused, ref)
		require.Contains(t, []string{"file_not_found", "arguments_invalid"}, refused.Code, ref)
	}
	opened := d.ok("bob", "create_ticket", anyMap{"title": "a", "description": "b", "attachments": []anyMap{{"file_id": id}}})["ticket_id"].(string)
	d.ok("sam", "update_ticket", anyMap{"ticket_id": opened, "assigned_to_id": d.callers["cyd"].User.String()})
	require.Equal(t, "Hello", d.ok("cyd", "analyze_file", anyMap{"file_id": id})["extracted_text"], "whoever sees the ticket sees its files")

	infected, bob := uuid.New(), d.callers["bob"]
	d.tell(bob.Org, infected, file.Quarantined{UploadedBy: bob.User, Filename: "x.png", Category: file.Image, ContentHash: "ab", Signature: "Eicar"})
	d.refuses("file_quarantined", "bob", "analyze_file", anyMap{"file_id": infected.String()})
	d.tell(bob.Org, uuid.MustParse(id), file.Deleted{})
	d.refuses("file_not_found", "bob", "analyze_file", anyMap{"file_id": id})
}

func TestALongTextComesInParts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	whole := strings.Repeat("é", shownText) + strings.Repeat("x", shownText) + "end"
	id := d.uploaded("bob", "a.txt", file.Text, readings{file.Extraction: {Text: whole}})
	var parts strings.Builder
	arguments, calls := anyMap{"file_id": id}, 0
	for more := true; more; calls++ {
		part := d.ok("bob", "analyze_file", arguments)
		parts.WriteString(part["extracted_text"].(string))
		arguments["offset"], more = part["next_offset"]
	}
	require.Equal(t, whole, parts.String())
	require.Equal(t, 3, calls)
	require.Empty(t, d.ok("bob", "analyze_file", anyMap{"file_id": id, "offset": 100_000})["extracted_text"])
	text, next := part("", 0)
	require.Empty(t, text)
	require.Nil(t, next)
	text, next = part(strings.Repeat("x", shownText), 0)
	require.Len(t, text, shownText)
	require.Nil(t, next)
}

func TestReadingsThatAreGoneSaySo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.uploaded("bob", "a.txt", file.Text, readings{file.Extraction: {Text: "Hello"}})
	_, err := d.pool.Exec(t.Context(), `DELETE FROM readings`)
	require.NoError(t, err)
	for _, how := range []string{"auto", "document"} {
		lost := d.ok("bob", "analyze_file", anyMap{"file_id": id, "analysis_type": how})
		require.Equal(t, "failed", lost["processing_status"])
		require.Equal(t, readingGone, lost["reason"])
	}
	skipped, bob := d.uploading("bob", "a.png", file.Image), d.callers["bob"]
	d.tell(bob.Org, uuid.MustParse(skipped), file.StageSkipped{Stage: file.OCR, UploadedBy: bob.User, Reason: "No engine."}, file.Processed{Outcome: file.AllSkipped})
	shown := d.ok("bob", "analyze_file", anyMap{"file_id": skipped})
	require.Equal(t, "skipped", shown["processing_status"])
	require.Equal(t, "No engine.", shown["reason"])
}

// wait calls a tool for an upload that is being read, and answers what it says and when it waits.
func (d *desk) wait(id string) (answered chan anyMap) {
	d.Helper()
	answered = make(chan anyMap, 1)
	go func() {
		shown, _ := d.use("bob", "analyze_file", anyMap{"file_id": id})
		answered <- shown
	}()
	d.awaits(id)
	return answered
}

// awaits returns when a call waits for an upload or a ticket.
func (d *desk) awaits(id string) {
	d.Helper()
	require.Eventually(d, func() bool { return slices.Contains(d.tools.waiting.Awaited(), uuid.MustParse(id)) }, 10*time.Second, time.Millisecond)
}

func (d *desk) nobodyWaits() {
	d.Helper()
	require.Eventually(d, func() bool { return len(d.tools.waiting.Awaited()) == 0 }, 10*time.Second, time.Millisecond)
}

func TestACallWaitsForAFileToBeRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Minute })
	id := d.uploading("bob", "a.txt", file.Text)
	first, second := d.wait(id), d.wait(id)
	d.tools.waiting.Wake(uuid.MustParse(id))
	d.tools.waiting.Wake(uuid.MustParse(id)) // for nothing: it is still being read
	d.wasRead("bob", id, readings{file.Extraction: {Text: "Hello"}})
	require.Equal(t, "Hello", (<-first)["extracted_text"])
	require.Equal(t, "Hello", (<-second)["extracted_text"])
	d.nobodyWaits()
}

func TestACallThatWaitsForAFileEndsWithIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Minute })
	id := d.uploading("bob", "a.txt", file.Text)
	waiting := d.wait(id)
	d.tell(d.callers["bob"].Org, uuid.MustParse(id), file.Deleted{})
	require.Nil(t, <-waiting, "it is refused: there is no such file any more")
}

func TestACallThatWaitsEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Minute })
	id := d.uploading("bob", "a.txt", file.Text)
	waiting := d.wait(id)
	d.tools.EndWaits()
	d.tools.EndWaits()
	shown := <-waiting
	require.Equal(t, "queued", shown["processing_status"])
	require.Empty(t, shown["extracted_text"])
}

func TestACallWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Millisecond })
	bob, id := d.callers["bob"], d.uploading("bob", "a.txt", file.Text)
	d.tell(bob.Org, uuid.MustParse(id), file.StageStarted{Stage: file.Extraction, Attempt: 1})
	require.Equal(t, "processing", d.ok("bob", "analyze_file", anyMap{"file_id": id})["processing_status"])
}

func TestACallEndsWithAClientThatLeaves(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Minute })
	id := d.uploading("bob", "a.txt", file.Text)
	box := NewToolbox(ToolboxConfig{URL: d.URL + "/mcp"}, tokens{"bob"})
	defer box.Close()
	tools, err := box.Open(t.Context(), d.callers["bob"], uuid.New())
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := tools.Call(ctx, "analyze_file", []byte(`{"file_id":"`+id+`"}`), "")
		left <- err
	}()
	d.awaits(id)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	d.nobodyWaits()
}

func TestFilesOfAnInternalCommentStayHidden(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, secret := d.opened("bob", "Printer"), d.uploaded("sam", "a.txt", file.Text, readings{file.Extraction: {Text: "Arson"}})
	sam := d.callers["sam"]
	d.tell(sam.Org, uuid.MustParse(id), ticket.Commented{
		CommentID: uuid.New(), Author: sam.User, Content: "See this.", Internal: true, Attachments: []ticket.Attachment{{FileID: domain.FileID{UUID: uuid.MustParse(secret)}}},
	})
	d.refuses("file_not_found", "bob", "analyze_file", anyMap{"file_id": secret})
	require.Equal(t, "Arson", d.ok("sam", "analyze_file", anyMap{"file_id": secret})["extracted_text"])
}
