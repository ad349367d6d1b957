package filetype

import (
	"strings"

	"ticketd/domain/file"
)

// categoryOf answers the category of a MIME type.
func categoryOf(mimeType string) file.Category {
	if category, ok := categories[mimeType]; ok {
		return category
	}
	family, rest, _ := strings.Cut(mimeType, "/")
	switch {
	case family == "image":
		return file.Image
	case family == "audio":
		return file.Audio
	case family == "video":
		return file.Video
	case family == "text" && strings.HasPrefix(rest, "x-"): // every language has one
		return file.Code
	case family == "text":
		return file.Text
	case strings.HasSuffix(rest, "+json"), strings.HasSuffix(rest, "+xml"):
		return file.Code
	}
	return file.Other
}

var categories = map[string]file.Category{
	"application/pdf": file.Document, "application/msword": file.Document, "text/rtf": file.Document, "text/html": file.Document,
	"application/xhtml+xml": file.Document, "application/epub+zip": file.Document, "message/rfc822": file.Document,
	"application/vnd.ms-outlook": file.Document, "application/postscript": file.Document, "application/vnd.ms-publisher": file.Document,
	"application/onenote": file.Document, "application/vnd.wordperfect": file.Document, "application/vnd.ms-visio.drawing.main+xml": file.Document,
	"image/vnd.djvu": file.Document,
	docx:             file.Document,
	"application/vnd.oasis.opendocument.text": file.Document, "application/vnd.oasis.opendocument.text-template": file.Document,
	"application/vnd.oasis.opendocument.graphics": file.Document, "application/vnd.oasis.opendocument.formula": file.Document,

	"text/csv": file.Spreadsheet, "text/tab-separated-values": file.Spreadsheet, "application/vnd.ms-excel": file.Spreadsheet,
	xlsx: file.Spreadsheet, xlsb: file.Spreadsheet, "application/vnd.sun.xml.calc": file.Spreadsheet,
	"application/vnd.oasis.opendocument.spreadsheet": file.Spreadsheet, "application/vnd.oasis.opendocument.spreadsheet-template": file.Spreadsheet,

	"application/vnd.ms-powerpoint": file.Presentation, pptx: file.Presentation,
	"application/vnd.oasis.opendocument.presentation": file.Presentation, "application/vnd.oasis.opendocument.presentation-template": file.Presentation,

	"application/zip": file.Archive, "application/x-tar": file.Archive, "application/gzip": file.Archive, "application/x-7z-compressed": file.Archive,
	"application/vnd.rar": file.Archive, "application/x-bzip2": file.Archive, "application/x-xz": file.Archive, "application/zstd": file.Archive,
	"application/lzip": file.Archive, "application/vnd.ms-cab-compressed": file.Archive, "application/x-cpio": file.Archive,
	"application/vnd.google-earth.kmz": file.Archive,

	"application/json": file.Code, "application/x-ndjson": file.Code, "text/xml": file.Code, "text/javascript": file.Code, "text/css": file.Code,
	"application/yaml": file.Code, "application/toml": file.Code, "application/sql": file.Code,
	"application/x-subrip": file.Text, "application/vnd.apple.mpegurl": file.Text, "text/x-rst": file.Text, "text/x-tex": file.Text,

	"application/ogg": file.Audio, "application/vnd.rn-realmedia-vbr": file.Video, "image/vnd.dwg": file.Other, "image/vnd.dxf": file.Other,
}

// textExtensions say what a text is.
var textExtensions = map[string]string{
	".txt": plain, ".text": plain, ".log": plain, ".md": "text/markdown", ".markdown": "text/markdown", ".rst": "text/x-rst",
	".csv": "text/csv", ".tsv": "text/tab-separated-values", ".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml",
	".svg": "image/svg+xml", ".eml": "message/rfc822", ".ics": "text/calendar", ".vcf": "text/vcard", ".srt": "application/x-subrip", ".vtt": "text/vtt",
	".rtf":  "text/rtf",
	".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".xml": "text/xml", ".xsd": "text/xml",
	".xsl": "text/xml", ".yaml": "application/yaml", ".yml": "application/yaml", ".toml": "application/toml", ".sql": "application/sql",
	".css": "text/css", ".scss": "text/x-scss", ".less": "text/x-less", ".js": "text/javascript", ".mjs": "text/javascript", ".cjs": "text/javascript",
	".jsx": "text/x-jsx", ".ts": "text/x-typescript", ".tsx": "text/x-tsx", ".vue": "text/x-vue", ".svelte": "text/x-svelte",
	".go": "text/x-go", ".py": "text/x-python", ".rb": "text/x-ruby", ".php": "text/x-php", ".pl": "text/x-perl", ".pm": "text/x-perl",
	".lua": "text/x-lua", ".tcl": "text/x-tcl", ".r": "text/x-r", ".jl": "text/x-julia", ".java": "text/x-java", ".kt": "text/x-kotlin",
	".kts": "text/x-kotlin", ".scala": "text/x-scala", ".groovy": "text/x-groovy", ".clj": "text/x-clojure", ".c": "text/x-c", ".h": "text/x-c",
	".cc": "text/x-c++", ".cpp": "text/x-c++", ".cxx": "text/x-c++", ".hpp": "text/x-c++", ".cs": "text/x-csharp", ".fs": "text/x-fsharp",
	".rs": "text/x-rust", ".swift": "text/x-swift", ".m": "text/x-objective-c", ".dart": "text/x-dart", ".ex": "text/x-elixir",
	".exs": "text/x-elixir", ".erl": "text/x-erlang", ".hs": "text/x-haskell", ".ml": "text/x-ocaml", ".zig": "text/x-zig",
	".ini": "text/x-ini", ".cfg": "text/x-ini", ".conf": "text/x-ini", ".properties": "text/x-properties", ".env": "text/x-ini",
	".proto": "text/x-protobuf", ".graphql": "text/x-graphql", ".tf": "text/x-terraform", ".gradle": "text/x-groovy", ".cmake": "text/x-cmake",
	".diff": "text/x-diff", ".patch": "text/x-diff", ".tex": "text/x-tex", ".asm": "text/x-asm", ".s": "text/x-asm",
}

// binaryExtensions say what a file was meant to be whose bytes tell nothing.
var binaryExtensions = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp",
	".tif": "image/tiff", ".tiff": "image/tiff", ".heic": "image/heic", ".avif": "image/avif", ".ico": "image/x-icon",
	".mp3": "audio/mpeg", ".wav": "audio/wav", ".m4a": "audio/mp4", ".aac": "audio/aac", ".oga": "audio/ogg", ".ogg": "audio/ogg",
	".opus": "audio/ogg", ".flac": "audio/flac", ".weba": "audio/webm", ".mka": "audio/matroska", ".wma": "audio/x-ms-wma", ".amr": "audio/amr",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/matroska", ".avi": "video/x-msvideo",
	".wmv": "video/x-ms-asf", ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".ts": "video/mp2t", ".mts": "video/mp2t", ".m2ts": "video/mp2t",
	".3gp": "video/3gpp", ".pdf": "application/pdf",
}
