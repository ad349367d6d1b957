package main

import (
	"math/rand/v2"
	"strings"
)

// rareWords is how many words there are besides the usual ones.
const rareWords = 4000

// usual are the words that most tickets share, the most frequent first.
var usual = strings.Fields(`the and is not after it when to cannot with error since page login we export invoice printer password
	screen update browser account slow report email again network user file customer upload nothing connection laptop app
	message button order access today phone server every minute payment version calendar session folder yesterday request
	answer window link search form database license office meeting record cable device image key list mail map menu mobile
	morning mouse note number offline password photo plan portal price product profile project queue reader receipt refund
	release remote role room router rule sale scan schedule script section sensor setting share sign site size sound space
	speed sticker storage store stream switch table tablet task team template tenant terminal test text theme ticket timeout
	token tool train transfer tunnel unit value vendor video view visit voice volume wallet warning watch web week wire word
	work year zone`)

var syllables = strings.Fields(`ba be bo da de du fa fi go gu ka ke ko la le lu ma mi mo na ne nu pa pe po ra re ri sa se so ta te tu va ve vo za ze zo`)

// vocabulary speaks like people who need help: few words all the time, most words hardly ever. So a search meets both.
type vocabulary struct {
	random *rand.Rand
	words  []string
	rank   *rand.Zipf
}

func newVocabulary(random *rand.Rand) *vocabulary {
	v := &vocabulary{random: random, words: append([]string(nil), usual...)}
	for range rareWords {
		var word strings.Builder
		for range 3 + random.IntN(2) {
			word.WriteString(syllables[random.IntN(len(syllables))])
		}
		v.words = append(v.words, word.String())
	}
	v.rank = rand.NewZipf(random, 1.1, 4, uint64(len(v.words))-1)
	return v
}

// say answers from least to most words, as a sentence.
func (v *vocabulary) say(least, most int) string {
	var text strings.Builder
	for i := range least + v.random.IntN(most-least+1) {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(v.words[v.rank.Uint64()])
	}
	said := text.String()
	return strings.ToUpper(said[:1]) + said[1:] + "."
}

// pick answers one of the values; the first is the likeliest, and the last the least.
func pick[T any](random *rand.Rand, values []T) T {
	return values[min(random.IntN(len(values)), random.IntN(len(values)))]
}
