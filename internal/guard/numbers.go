package guard

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// mostDigits is how many a number has that is of somebody; of a phone, mostPhone.
	mostDigits = 19
	minDigits  = 9
	mostPhone  = 15
	minPhone   = 10
	// mostGroups is how many groups of digits are taken for one number.
	mostGroups = 8
)

// signs are what may be between groups of digits.
type signs byte

const (
	space signs = 1 << iota
	hyphen
	point
	slash
	bracket // that opens
	closing
)

// group is digits, and what was between them and those before.
type group struct {
	digits string
	before signs
	end    int
}

// candidate is what may be somebody's number.
type candidate struct {
	text   string
	start  int
	plus   bool
	paren  bool
	groups []group
	digits int
	asked  bool
	says   cue // what was before it, once asked
}

// numberAt answers the phone, card or social security number that begins here, the longest there is before the limit. A
// span without an end is none.
func numberAt(text string, start, limit int) span {
	if !startsNumber(text, start) {
		return span{}
	}
	var room [mostGroups]group
	c := readGroups(text, start, limit, room[:0])
	if c.digits < minDigits || c.isHopeless() {
		return span{}
	}
	for c.digits >= minDigits {
		end := c.groups[len(c.groups)-1].end
		if endsNumber(text, end) {
			if kind := c.kind(); kind != "" {
				return span{kind, start, end}
			}
		}
		c.digits -= len(c.groups[len(c.groups)-1].digits)
		c.groups = c.groups[:len(c.groups)-1]
	}
	return span{}
}

// isHopeless reports a number of which no part is anybody's, by its first digits. Lists of numbers are long, and looking
// at each part of each is slow.
func (c *candidate) isHopeless() bool {
	first := c.groups[0].digits
	return !c.plus && !c.paren && first[0] != '0' && len(first) != 1 && len(first) != 3 && len(first) < minDigits && !isIssued(first) && c.cue() != cuePhone
}

// startsNumber reports whether what is before a number lets it be one: no part of a word, of a version, of a path, of an
// amount, and no sign.
func startsNumber(text string, start int) bool {
	before, size := utf8.DecodeLastRuneInString(text[:start])
	if size == 0 {
		return true
	}
	if isWord(before) || strings.ContainsRune("_#$€£@", before) {
		return false
	}
	further, _ := utf8.DecodeLastRuneInString(text[:start-size])
	switch before {
	case '-', '/':
		return false
	case '.':
		return !isWord(further)
	case ':':
		return further < '0' || further > '9' // or it is a time, or a port
	}
	return true
}

// endsNumber reports whether what is behind a number lets it be one.
func endsNumber(text string, end int) bool {
	after, size := utf8.DecodeRuneInString(text[end:])
	if size == 0 {
		return true
	}
	next := text[end+size:]
	digit := next != "" && isDigit(next[0])
	if after == 'x' || after == '.' || after == ':' {
		return digit == (after == 'x') // an extension may follow, a fraction or a time may not
	}
	if after == '-' || after == '/' || after == '@' {
		further, size := utf8.DecodeRuneInString(next)
		return size == 0 || !isWord(further)
	}
	return after != '_' && after != '%' && !isWord(after)
}

// readGroups reads digits and what may be between them.
func readGroups(text string, start, limit int, room []group) candidate {
	c := candidate{text: text, start: start, groups: room}
	i := start
	if text[i] == '+' {
		c.plus = true
		i++
	}
	if i < limit && text[i] == '(' {
		c.paren = true
		i++
	}
	var before signs
	for len(c.groups) < mostGroups {
		n := leadingDigits(text[i:min(limit, i+mostDigits+1)])
		if n == 0 || c.digits+n > mostDigits {
			break
		}
		c.digits += n
		c.groups = append(c.groups, group{digits: text[i : i+n], before: before, end: i + n})
		i += n
		var length int
		if before, length = separator(text[i:limit]); length == 0 {
			break
		}
		i += length
	}
	if c.paren && !c.plus && (len(c.groups) < 2 || c.groups[1].before&closing == 0) {
		c.digits = 0 // it encloses more than the area
	}
	return c
}

// separator answers what is between two groups of digits, and its length: up to three signs, a point or a slash alone.
func separator(text string) (found signs, length int) {
	for range 3 {
		r, size := utf8.DecodeRuneInString(text[length:])
		sign := signOf(r)
		if size == 0 || sign == 0 {
			break
		}
		found |= sign
		length += size
	}
	if length > 1 && found&(point|slash) != 0 {
		return 0, 0
	}
	return found, length
}

func signOf(r rune) signs {
	switch r {
	case ' ', '\u00a0', '\u2009', '\u202f':
		return space
	case '-', '\u2010', '\u2011', '\u2012', '\u2013':
		return hyphen
	case '.':
		return point
	case '/':
		return slash
	case '(':
		return bracket
	case ')':
		return closing
	}
	return 0
}

// kind answers whose number it is; none when it is nobody's.
func (c *candidate) kind() Personal {
	switch {
	case c.isCard():
		return Card
	case c.isSSN():
		return SSN
	case minPhone <= c.digits && c.digits <= mostPhone && c.isPhone():
		return Phone
	}
	return ""
}

// shaped reports whether the groups have these lengths.
func (c *candidate) shaped(lengths ...int) bool {
	return slices.EqualFunc(c.groups, lengths, func(g group, n int) bool { return len(g.digits) == n })
}

// separated reports whether there is nothing but these signs between the groups.
func (c *candidate) separated(by signs) bool {
	for _, g := range c.groups {
		if g.before&^by != 0 {
			return false
		}
	}
	return true
}

func (c *candidate) all() string {
	var all [mostDigits]byte
	joined := all[:0]
	for _, g := range c.groups {
		joined = append(joined, g.digits...)
	}
	return string(joined)
}

func (c *candidate) isCard() bool {
	if c.digits < 13 || c.plus || c.paren || !isIssued(c.groups[0].digits) || !c.separated(space) && !c.separated(hyphen) {
		return false
	}
	fours := len(c.groups) >= 4
	for i, g := range c.groups {
		fours = fours && (len(g.digits) == 4 || i == len(c.groups)-1 && len(g.digits) < 4)
	}
	if !fours && len(c.groups) != 1 && !c.shaped(4, 6, 5) && !c.shaped(4, 6, 4) {
		return false
	}
	number := c.all()
	return luhn(number) && (c.digits > mostPhone || c.cue() != cuePhone)
}

// isIssued reports a number that begins like that of a card.
func isIssued(number string) bool {
	return '3' <= number[0] && number[0] <= '6' || len(number) >= 4 && "2221" <= number[:4] && number[:4] <= "2720"
}

func luhn(number string) bool {
	sum := 0
	for i := range number {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

func (c *candidate) isSSN() bool {
	if c.digits != 9 || c.plus || c.paren {
		return false
	}
	shaped := c.shaped(3, 2, 4)
	usual := shaped && c.separated(hyphen)
	called := (shaped && c.separated(space) || len(c.groups) == 1) && c.cue() == cueSSN
	if !usual && !called {
		return false
	}
	number := c.all()
	area, part, serial := number[:3], number[3:5], number[5:]
	return area != "000" && area != "666" && area < "900" && part != "00" && serial != "0000"
}

func (c *candidate) isPhone() bool {
	first := c.groups[0].digits
	switch {
	case c.plus:
		return true
	case c.paren:
		return len(first) >= 2
	case len(c.groups) == 1:
		return c.isBarePhone(first)
	case c.isDate():
		return false
	case c.separated(point):
		return c.shaped(3, 3, 4) || c.shaped(1, 3, 3, 4) || c.shaped(2, 2, 2, 2, 2) && first[0] == '0'
	case !c.separated(^point):
		return false
	case c.shaped(3, 3, 4), c.shaped(1, 3, 3, 4) && first == "1", c.shaped(3, 7) && c.separated(hyphen):
		return true
	}
	if says := c.cue(); says == cueNumber || says == cuePhone {
		return says == cuePhone
	}
	return first[0] == '0' && (len(first) >= 3 || first == "00" || c.shaped(2, 2, 2, 2, 2)) && c.roomy()
}

// roomy reports groups of two digits and more, as people write them.
func (c *candidate) roomy() bool {
	return !slices.ContainsFunc(c.groups, func(g group) bool { return len(g.digits) < 2 })
}

// isDate reports a number that begins with one.
func (c *candidate) isDate() bool {
	if len(c.groups) < 3 || (c.groups[1].before|c.groups[2].before)&^(hyphen|point|slash) != 0 {
		return false
	}
	lengths := [3]int{len(c.groups[0].digits), len(c.groups[1].digits), len(c.groups[2].digits)}
	return lengths == [3]int{4, 2, 2} || lengths == [3]int{2, 2, 4}
}

// limits are numbers that programs write when they run out of them.
var limits = []string{"2147483647", "2147483648", "4294967295", "4294967296"}

// isBarePhone tells phones from the other numbers that have as many digits: of seconds and milliseconds since 1970, of dates
// and times, of limits, and of what somebody counts or numbers. What may be both is a phone.
func (c *candidate) isBarePhone(number string) bool {
	if says := c.cue(); says == cueNumber || says == cuePhone {
		return says == cuePhone
	}
	if number[0] == '1' && (len(number) == 10 || len(number) == 13) {
		return false
	}
	for _, layout := range []string{"200601021504", "20060102150405"} {
		if at, err := time.Parse(layout, number); err == nil && 1990 <= at.Year() && at.Year() < 2100 {
			return false
		}
	}
	return strings.Trim(number, number[:1]) != "" && !slices.Contains(limits, number) && !units[c.nextWord()]
}
