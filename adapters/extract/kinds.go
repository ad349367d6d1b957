package extract

import (
	"path"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	openXML = "application/vnd.openxmlformats-officedocument."
	openDoc = "application/vnd.oasis.opendocument."
)

// textTypes are the types of text whose names do not say so.
var textTypes = map[string]bool{
	"application/json": true, "application/x-ndjson": true, "application/xml": true, "application/yaml": true,
	"application/x-yaml": true, "application/toml": true, "application/sql": true, "application/javascript": true,
	"application/x-javascript": true, "application/x-subrip": true, "application/x-sh": true, "application/x-shellscript": true,
	"application/x-python": true, "application/x-ruby": true, "application/x-httpd-php": true, "application/typescript": true,
	"application/vnd.apple.mpegurl": true, "application/warc": true,
}

// namedTypes are kinds of text that bytes do not give away, by the end of the name.
var namedTypes = map[string]string{
	".csv": "text/csv", ".tsv": "text/tab-separated-values", ".tab": "text/tab-separated-values",
	".htm": "text/html", ".html": "text/html", ".xhtml": "text/html", ".eml": "message/rfc822", ".svg": "image/svg+xml",
}

// legacy are the documents of Office before 2007, and what to save them as.
var legacy = map[string][2]string{
	"application/msword":            {"A Word document (.doc)", "DOCX"},
	"application/vnd.ms-excel":      {"An Excel workbook (.xls)", "XLSX"},
	"application/vnd.ms-powerpoint": {"A PowerPoint presentation (.ppt)", "PPTX"},
	"application/vnd.ms-outlook":    {"An Outlook message (.msg)", "EML"},
	"application/vnd.ms-publisher":  {"A Publisher document (.pub)", "PDF"},
	"application/x-ole-storage":     {"An Office document", "DOCX, XLSX or PPTX"},
}

// typeOf answers the type of an upload, without parameters. Bytes that are just text are what their name says.
func typeOf(s commands.Source) string {
	kind, _, _ := strings.Cut(s.MIMEType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind == "text/plain" || kind == "text/xml" {
		if named, ok := namedTypes[strings.ToLower(path.Ext(s.Name))]; ok {
			return named
		}
	}
	return kind
}

// parserOf answers who reads a type.
func (r *Reader) parserOf(kind string) (parser, error) {
	switch kind {
	case openXML + "wordprocessingml.document", openXML + "wordprocessingml.template":
		return word, nil
	case openXML + "presentationml.presentation", openXML + "presentationml.slideshow", openXML + "presentationml.template":
		return slides, nil
	case openXML + "spreadsheetml.sheet", openXML + "spreadsheetml.template":
		return r.workbook, nil
	case openDoc + "text", openDoc + "text-template":
		return openDocument("odt"), nil
	case openDoc + "spreadsheet", openDoc + "spreadsheet-template":
		return openDocument("ods"), nil
	case openDoc + "presentation", openDoc + "presentation-template":
		return openDocument("odp"), nil
	case "text/html", "application/xhtml+xml":
		return page, nil
	case "image/svg+xml":
		return drawing, nil
	case "message/rfc822":
		return mail(mailMost), nil
	case "text/rtf", "application/rtf":
		return rich, nil
	case "text/csv":
		return table(','), nil
	case "text/tab-separated-values":
		return table('\t'), nil
	case "application/zip", "application/java-archive", "application/vnd.android.package-archive":
		return zipped, nil
	case "application/x-tar":
		return tarred, nil
	case "application/gzip", "application/x-gzip":
		return gzipped, nil
	}
	if old, ok := legacy[kind]; ok {
		return container(old[0], old[1]), nil
	}
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") || textTypes[kind] {
		return plain, nil
	}
	return nil, &file.SkippedError{Reason: "The text of a file of type " + known(kind) + " cannot be read here."}
}

// known answers a type for a sentence.
func known(kind string) string {
	if kind = clean(kind); kind == "" || kind == "application/octet-stream" {
		return "unknown"
	}
	return kind
}
