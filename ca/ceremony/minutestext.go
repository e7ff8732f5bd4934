package ceremony

import (
	"fmt"
	"strings"

	"mohr/internal/i18n"
)

// words of the readable minutes, by language.
var minutesWords = map[string]map[string]string{
	"en": {
		"title": "Minutes of a key ceremony", "plan": "File (SHA-256)", "environment": "Environment", "begun": "Begun", "ended": "Ended", "version": "Program",
		"custodians": "Custodians who approved the file (%s needed)", "certificate": "certificate", "made": "Certificates made", "subject": "subject", "issuer": "issuer",
		"serial": "serial number", "life": "valid", "to": "to", "key": "key", "keyhash": "key (SHA-256 of SubjectPublicKeyInfo)", "home": "key kept in", "hash": "certificate (SHA-256)",
		"revoked": "Revoked", "crls": "Revocation lists made", "number": "number", "entries": "entries", "lints": "Checked", "none": "none",
	},
	"fa": {
		"title": "صورت‌جلسهٔ مراسم کلید", "plan": "پرونده (SHA-256)", "environment": "محیط", "begun": "آغاز", "ended": "پایان", "version": "برنامه",
		"custodians": "امانت‌دارانی که پرونده را تأیید کردند (دست‌کم %s تن لازم است)", "certificate": "گواهی", "made": "گواهی‌های ساخته‌شده", "subject": "دارنده", "issuer": "صادرکننده",
		"serial": "شمارهٔ سریال", "life": "اعتبار", "to": "تا", "key": "کلید", "keyhash": "کلید (SHA-256 کلید عمومی)", "home": "جای کلید", "hash": "گواهی (SHA-256)",
		"revoked": "باطل‌شده‌ها", "crls": "فهرست‌های ابطال ساخته‌شده", "number": "شمارهٔ", "entries": "سطر", "lints": "بررسی‌ها", "none": "هیچ",
	},
}

// Text returns the minutes for people, in Persian ("fa") or English ("en").
// The canonical JSON is what counts.
func (m Minutes) Text(lang string) string {
	w, ok := minutesWords[lang]
	if !ok {
		lang, w = "en", minutesWords["en"]
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s: %s", w["title"], m.Title)
	line("%s: %s", w["environment"], m.Environment)
	line("%s: %s", w["plan"], m.PlanSHA256)
	line("%s: %s", w["begun"], i18n.DateTime(lang, m.Begun))
	line("%s: %s", w["ended"], i18n.DateTime(lang, m.Ended))
	line("%s: %s", w["version"], m.Version)
	line("\n"+w["custodians"]+":", i18n.Number(lang, m.Need))
	for _, c := range m.Custodians {
		line("  %s, %s %s", c.Name, w["certificate"], c.CertificateSHA256)
	}
	m.writeAuthorities(w, lang, line)
	line("\n%s:", w["revoked"])
	for _, r := range m.Revoked {
		line("  %s (%s)", r.ID, r.Reason)
	}
	if len(m.Revoked) == 0 {
		line("  %s", w["none"])
	}
	line("\n%s:", w["crls"])
	for _, l := range m.CRLs {
		line("  %s %s %s: %s %s %s, %s %s, SHA-256 %s", l.Root, w["number"], i18n.Number(lang, l.Number),
			i18n.DateTime(lang, l.ThisUpdate), w["to"], i18n.DateTime(lang, l.NextUpdate), i18n.Number(lang, l.Entries), w["entries"], l.SHA256)
	}
	line("\n%s:", w["lints"])
	for _, l := range m.Lints {
		line("  %s", l)
	}
	return b.String()
}

func (m Minutes) writeAuthorities(w map[string]string, lang string, line func(string, ...any)) {
	line("\n%s:", w["made"])
	for _, a := range m.Authorities {
		line("  %s", a.ID)
		line("    %s: %s", w["subject"], a.Subject)
		line("    %s: %s", w["issuer"], a.Issuer)
		line("    %s: %s", w["serial"], a.Serial)
		line("    %s: %s %s %s", w["life"], i18n.DateTime(lang, a.NotBefore), w["to"], i18n.DateTime(lang, a.NotAfter))
		line("    %s: %s", w["key"], a.Algorithm)
		line("    %s: %s", w["keyhash"], a.KeySHA256)
		line("    %s: %s", w["home"], a.KeyHome)
		line("    %s: %s", w["hash"], a.CertificateSHA256)
	}
}
