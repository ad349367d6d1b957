package guard

import "strings"

// cue is what the words before a number say about it.
type cue int

const (
	noCue cue = iota
	cuePhone
	cueSSN
	cueNumber // of something, not of somebody
)

const (
	// cueReach is how far before a number a word says what it is, in bytes and in words.
	cueReach = 40
	cueWords = 3
)

var (
	cues = cueTable(map[cue]string{
		cuePhone: "phone telephone tel call called calling mobile mob cell fax whatsapp telegram signal sms dial ring reach contact text ph handy",
		cueSSN:   "ssn social security",
		cueNumber: "ticket tickets order orders id ids uid gid pid tid case invoice ref reference error code exception build version serial tracking account " +
			"customer timestamp ts time epoch unix bytes size port count offset position hash commit sha key token imei isbn ean sku request trace span " +
			"session row line seq sequence index errno status hresult exit rev revision nonce",
	})
	// units stand behind what was counted.
	units = words("bytes byte b kb kib mb mib gb ms ns us s sec secs seconds minutes rows records times requests items tokens events cycles hz usd eur")
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

func cueTable(lists map[cue]string) map[string]cue {
	table := map[string]cue{}
	for says, list := range lists {
		for word := range strings.FieldsSeq(list) {
			table[word] = says
		}
	}
	return table
}

// cue answers what the words before the number say.
func (c *candidate) cue() cue {
	if !c.asked {
		c.asked, c.says = true, cueBefore(c.text[max(0, c.start-cueReach):c.start])
	}
	return c.says
}

// cueBefore answers what the nearest word says that says something, of the last line.
func cueBefore(before string) cue {
	before = before[strings.LastIndexByte(before, '\n')+1:]
	for range cueWords {
		end := len(before)
		for end > 0 && !isLetter(before[end-1]) {
			end--
		}
		if end == 0 {
			break
		}
		start := end
		for start > 0 && isLetter(before[start-1]) {
			start--
		}
		if says := cues[strings.ToLower(before[start:end])]; says != noCue {
			return says
		}
		before = before[:start]
	}
	return noCue
}

// nextWord answers the word right behind the number.
func (c *candidate) nextWord() string {
	after := strings.TrimPrefix(c.text[c.groups[len(c.groups)-1].end:], " ")
	end := 0
	for end < len(after) && end < longestWord && isLetter(after[end]) {
		end++
	}
	return strings.ToLower(after[:end])
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
