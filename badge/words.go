package badge

import (
	"slices"
	"strings"
	"unicode"

	"mohr/internal/i18n"
	"mohr/internal/store"
)

// wordBucket finds granted badges by a word of what they are of: word/id -> id.
const wordBucket = "badge_words"

// Bounds of what is found by words.
const (
	maxWords  = 12 // of one badge, and of a question
	maxWord   = 40 // characters
	leastWord = 2
)

// forms are words that say nothing of which business is meant.
var forms = []string{"شرکت", "سهامی", "خاص", "عام", "مسئولیت", "محدود", "با", "و", "co", "com", "ir", "www", "http", "https"}

// wordsOf splits a name, an address or a question into words as they are
// looked up: Arabic letters as Persian ones, small letters, Latin digits, each
// once. It is pure.
func wordsOf(texts ...string) (list []string) {
	fold := strings.NewReplacer("ي", "ی", "ك", "ک", "ة", "ه", "أ", "ا", "إ", "ا", "آ", "ا", "\u200c", " ", "ـ", "")
	for _, text := range texts {
		text = strings.ToLower(i18n.FoldDigits(fold.Replace(text)))
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			letters := []rune(w)
			w = string(letters[:min(len(letters), maxWord)])
			if len(letters) >= leastWord && len(list) < maxWords && !slices.Contains(forms, w) && !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
	}
	return list
}

// words are those by which the badge is found; none before it was granted.
func (b *Badge) words() []string {
	if b.ValidFrom.IsZero() {
		return nil
	}
	return wordsOf(string(b.Business), b.Domain.ASCII, b.Domain.Unicode, b.LegalName)
}

// saveWords brings what the badge is found by in line with it.
func (b *Badge) saveWords(tx store.Tx, old Badge) error {
	now, was := b.words(), []string(nil)
	if old.Indexed {
		was = old.words()
	}
	if b.Indexed = len(now) > 0; slices.Equal(now, was) {
		return nil
	}
	for _, w := range was {
		if err := tx.Delete(wordBucket, w+"/"+string(b.ID)); err != nil {
			return err
		}
	}
	for _, w := range now {
		if err := store.Save(tx, wordBucket, w+"/"+string(b.ID), b.ID); err != nil {
			return err
		}
	}
	return nil
}
