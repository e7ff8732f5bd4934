package service

import (
	"time"

	"mohr/complaints"
	"mohr/internal/notify"
)

// samples are all messages that the rooms send, as they might be at now.
func samples(portal string, now time.Time) []notify.Sample {
	later := now.AddDate(0, 0, 14)
	const serial = "1415fe424440451df9b895fb08d63149152"
	const badge = "/badge/b-0f8a6b1c2d3e4f5061728394a5b6c7d8"
	list := []notify.Sample{
		{Key: "code_message", To: "holder", Args: []any{"482913"}},
		{Key: "enroll.sms.news", To: "holder", Args: []any{portal + "/enroll/a-0f8a6b1c2d3e4f5061728394a5b6c7d8"}},
		{Key: "enroll.sms.issued", To: "holder", Args: []any{serial, now, portal + "/enroll/lock"}},
		{Key: "enroll.sms.locked", To: "holder"},
		{Key: "enroll.sms.lifted", To: "holder", Args: []any{portal + "/enroll/lock"}},
		{Key: "enroll.sms.disowned", To: "holder", Args: []any{2}},
		{Key: "renew.remind", To: "holder", Args: []any{14 * 24 * time.Hour, later, portal + "/renew"}},
		{Key: "renew.remind_anew", To: "holder", Args: []any{7 * 24 * time.Hour, later, portal + "/enroll"}},
		{Key: "renew.notice", To: "holder", Args: []any{later, portal}},
		{Key: "complaints.message.served", To: "business", Args: []any{"c-0f8a6b1c2d3e4f50", later, portal}},
		{Key: "badge_notice_ends", To: "business", Args: []any{"shop.example", later, portal + badge}},
		{Key: "badge_notice_licence", To: "business", Args: []any{"shop.example", later, portal + badge}},
		{Key: "badge_notice_site", To: "business", Args: []any{"shop.example", later, portal + badge}},
		{Key: "badge_notice_suspended", To: "business", Args: []any{"shop.example", later, portal + badge}},
		{Key: "badge_notice_revoked", To: "business", Args: []any{"shop.example", later, portal + badge}},
	}
	for _, what := range complaints.NewsKinds() {
		word := notify.Word("complaints.news." + string(what))
		list = append(list, notify.Sample{Key: "complaints.message.news", To: "consumer", Args: []any{"c-0f8a6b1c2d3e4f50", word, portal + "/complaints/c-0f8a6b1c2d3e4f50"}})
	}
	return list
}
