package i18n_test

import (
	"strings"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

const texts = `
page.title: {en: "Title", fa: "عنوان"}
page.count: {en: "%d of %d things", fa: "%[2]d چیز که %[1]d تای آن"}
page.share: {en: "%.1f points", fa: "%.1f امتیاز"}
page.when: {en: "until %[1]v", fa: "تا %[1]v"}
page.none: {en: "nothing", fa: "هیچ"}
key_small: {fa: "کلید %[1]d بیتی کوچک است؛ %[2]s بفرستید"}
`

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a key twice in a file", []string{"a.b: {en: x, fa: y}\na.b: {en: x, fa: y}"}, "already defined"},
		{"a key in two files", []string{"a.b: {en: x, fa: y}", "a.b: {en: x, fa: y}"}, "two files"},
		{"an unknown field", []string{"a.b: {en: x, fa: y, de: z}"}, "not found"},
		{"a missing Persian text", []string{"a.b: {en: x}"}, "no Persian"},
		{"a page text without English", []string{"a.b: {fa: x}"}, "no English"},
		{"a second document", []string{"a.b: {en: x, fa: y}\n---\nc.d: {en: x, fa: y}"}, "more than one document"},
		{"a list", []string{"- a"}, "cannot unmarshal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files [][]byte
			for _, f := range c.files {
				files = append(files, []byte(f))
			}
			if _, err := i18n.Parse(files...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	_, err := i18n.Parse([]byte("a.b: {en: x}"), []byte("c.d: {en: x}"))
	if err == nil || !strings.Contains(err.Error(), "a.b") || !strings.Contains(err.Error(), "c.d") {
		t.Errorf("not all faults at once: %v", err)
	}
}

func TestTextFillsItsVerbsAsReadersWriteThem(t *testing.T) {
	c, err := i18n.Parse([]byte(texts), nil)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 12, 15, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, lang, key string
		args            []any
		want            string
	}{
		{"English", "en", "page.title", nil, "Title"},
		{"Persian", "fa", "page.title", nil, "عنوان"},
		{"numbers in English", "en", "page.count", []any{3, 12}, "3 of 12 things"},
		{"numbers in Persian, in another order", "fa", "page.count", []any{3, 12}, "۱۲ چیز که ۳ تای آن"},
		{"a float in Persian", "fa", "page.share", []any{2.5}, "۲٫۵ امتیاز"},
		{"a date in English", "en", "page.when", []any{noon}, "until 15 December 2026"},
		{"a date in Persian", "fa", "page.when", []any{noon}, "تا ۲۴ آذر ۱۴۰۵"},
		{"a length of time in Persian", "fa", "page.when", []any{96 * time.Hour}, "تا ۴ روز"},
		{"an identifier stays Latin", "fa", "page.when", []any{"X509-3"}, "تا X509-3"},
		{"arguments without verbs add nothing", "fa", "page.none", []any{1, 2}, "هیچ"},
		{"no such key", "fa", "page.missing", nil, "page.missing"},
		{"a fault code has no English here", "en", "key_small", nil, "key_small"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Text(tt.lang, tt.key, tt.args...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFaultSpeaksTheReadersLanguage(t *testing.T) {
	c, err := i18n.Parse([]byte(texts))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := fault.Of(fault.New(fault.Invalid, "key_small", "the key of %[1]d bits is too small; send %[2]s", 1024, "P-256"))
	if got := c.Fault("fa", f); got != "کلید ۱۰۲۴ بیتی کوچک است؛ P-256 بفرستید" {
		t.Errorf("Persian: %q", got)
	}
	if got := c.Fault("en", f); got != "the key of 1024 bits is too small; send P-256" {
		t.Errorf("English: %q", got)
	}
	other, _ := fault.Of(fault.New(fault.Invalid, "not_there", "no text %d", 3))
	if got := c.Fault("fa", other); got != "no text 3" {
		t.Errorf("a code without a text: %q", got)
	}
}

func TestDigitsAndBack(t *testing.T) {
	if got := i18n.Digits("fa", "a1-2 ۳"); got != "a۱-۲ ۳" {
		t.Errorf("Digits: %q", got)
	}
	if got := i18n.Digits("en", "12"); got != "12" {
		t.Errorf("Digits in English: %q", got)
	}
	// Bengali, full-width and mathematical digits are no keyboard's here.
	if got := i18n.FoldDigits("۰۹٠٩ ১１𝟏 x"); got != "0909 ১１𝟏 x" {
		t.Errorf("FoldDigits: %q", got)
	}
	if got := i18n.Number("fa", 1403) + i18n.Number("en", 1.5) + i18n.Number("fa", 1.5) + i18n.Number("fa", "v1.5"); got != "۱۴۰۳1.5۱٫۵v۱.۵" {
		t.Errorf("Number: %q", got)
	}
	if got := i18n.Percent("fa", 0.9523) + i18n.Percent("en", 0.9523); got != "۹۵٫۲٪95.2%" {
		t.Errorf("Percent: %q", got)
	}
}

func TestWordsNameTheTwoLargestUnits(t *testing.T) {
	for _, c := range []struct {
		d      time.Duration
		en, fa string
	}{
		{0, "0 seconds", "۰ ثانیه"},
		{time.Second, "1 second", "۱ ثانیه"},
		{10 * time.Minute, "10 minutes", "۱۰ دقیقه"},
		{90 * time.Second, "1 minute 30 seconds", "۱ دقیقه و ۳۰ ثانیه"},
		{76*time.Hour + 59*time.Minute, "3 days 4 hours", "۳ روز و ۴ ساعت"},
		{24*time.Hour + 59*time.Minute, "1 day", "۱ روز"},
		{-2 * time.Hour, "2 hours", "۲ ساعت"},
	} {
		if got := i18n.Words("en", c.d); got != c.en {
			t.Errorf("%v in English: %q, want %q", c.d, got, c.en)
		}
		if got := i18n.Words("fa", c.d); got != c.fa {
			t.Errorf("%v in Persian: %q, want %q", c.d, got, c.fa)
		}
	}
}
