package guard

import "strings"

const (
	// longestToken is that of what stands in a token, in bytes.
	longestToken = 64
	// wideBar is the bar that some templates use.
	wideBar = "｜"
)

// toolTokens and templateTokens are names of tags; a slash before one says that it closes.
var (
	toolTokens = map[string]bool{
		"tool_call": true, "tool_calls": true, "tool_use": true, "tool_result": true, "tool_results": true, "tool_response": true, "tool_code": true,
		"function": true, "function_call": true, "function_calls": true, "function_result": true, "function_results": true, "invoke": true,
		"tool_call_id": true, "available_tools": true,
	}
	templateTokens = map[string]bool{
		"system": true, "assistant": true, "developer": true, "start_of_turn": true, "end_of_turn": true, "im_start": true, "im_end": true,
		"bos": true, "eos": true, "s": true, "inst": true, "sys": true, "system_prompt": true,
	}
)

// tokenTrick answers what a token is good for.
func tokenTrick(name string) Trick {
	if toolTokens[strings.ToLower(strings.TrimPrefix(name, "/"))] {
		return ToolMarkup
	}
	return Template
}

// tokenName answers what a mark shows of a token: its letters, digits, lines below and a slash before them.
func tokenName(inside string) string {
	slash := ""
	if strings.HasPrefix(inside, "/") {
		slash = "/"
	}
	return slash + strings.Map(func(r rune) rune {
		if r == '_' || r < 0x80 && isWord(r) {
			return r
		}
		return -1
	}, inside[:min(len(inside), longestToken)])
}

// tokenAt answers the token that a text begins with, by its name, and its length.
func tokenAt(text string) (name string, length int) {
	switch {
	case strings.HasPrefix(text, "<|"):
		return barred(text, "<|")
	case strings.HasPrefix(text, "<"+wideBar):
		return barred(text, "<"+wideBar)
	case strings.HasPrefix(text, "<<"):
		return enclosed(text, "<<", ">>", "sys")
	case strings.HasPrefix(text, "<"):
		return tag(text)
	case strings.HasPrefix(text, "["):
		return enclosed(text, "[", "]", "inst", "system_prompt", "available_tools", "tool_calls", "tool_results", "tool_result")
	case strings.HasPrefix(text, `"`):
		return enclosed(text, `"`, `"`, "tool_call", "tool_calls", "tool_use", "tool_call_id", "function_call")
	case strings.HasPrefix(text, "```tool_"):
		if name, end := readName(text[3:]); toolTokens[strings.ToLower(name)] {
			return name, 3 + end
		}
	}
	return "", 0
}

// barred reads a token like <|im_start|>.
func barred(text, open string) (name string, length int) {
	inside := text[len(open):min(len(text), len(open)+longestToken)]
	end := 0
	for end < len(inside) {
		switch c := inside[end]; {
		case c == '_' || c == '-' || c == ' ' || c == '/' || c < 0x80 && isWord(rune(c)):
			end++
			continue
		case strings.HasPrefix(inside[end:], "▁"):
			end += len("▁")
			continue
		}
		break
	}
	name = tokenName(inside[:end])
	for _, bar := range []string{"|>", wideBar + ">"} {
		if strings.HasPrefix(inside[end:], bar) && name != "" && name != "/" {
			return name, len(open) + end + len(bar)
		}
	}
	return "", 0
}

// enclosed reads one of these names between signs, maybe with a slash before it.
func enclosed(text, open, end string, names ...string) (name string, length int) {
	inside := text[len(open):]
	slash := len(inside) - len(strings.TrimPrefix(inside, "/"))
	name, n := readName(inside[slash:])
	if !strings.HasPrefix(inside[slash+n:], end) {
		return "", 0
	}
	for _, known := range names {
		if strings.EqualFold(name, known) {
			return inside[:slash] + name, len(open) + slash + n + len(end)
		}
	}
	return "", 0
}

// tag reads the beginning of a tag like <tool_call>, with or without what else stands in it.
func tag(text string) (name string, length int) {
	end := 1
	if strings.HasPrefix(text[end:], "/") {
		end++
	}
	slash := text[1:end]
	name, n := readName(text[end:])
	if end += n; strings.HasPrefix(text[end:], ":") { // what is before the colon says whose tag it is
		end++
		name, n = readName(text[end:])
		end += n
	}
	folded := strings.ToLower(name)
	closed := strings.HasPrefix(text[end:], ">")
	switch {
	case !toolTokens[folded] && !templateTokens[folded]:
		return "", 0
	case closed:
		return slash + name, end + 1
	case folded == "s": // which HTML has as well
		return "", 0
	case end == len(text) || strings.IndexByte(" \t\r\n=/", text[end]) >= 0:
		return slash + name, end
	}
	return "", 0
}

// readName reads letters, digits and lines below, of a name as long as the longest we know.
func readName(text string) (name string, length int) {
	for length < len(text) && length < longestWord && (text[length] == '_' || text[length] < 0x80 && isWord(rune(text[length]))) {
		length++
	}
	return text[:length], length
}
