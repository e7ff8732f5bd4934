package service

import (
	"context"
	"fmt"
	"os"

	"mohr/badge"
	"mohr/ca"
	"mohr/enroll"
)

// badgeRules reads the rules of badges.
func (r *rooms) badgeRules() (badge.Rules, error) {
	if r.Config.BadgeRules == "" {
		return badge.DefaultRules(), nil
	}
	b, err := os.ReadFile(r.Config.BadgeRules)
	if err != nil {
		return badge.Rules{}, fmt.Errorf("badge_rules: %w", err)
	}
	rules, err := badge.ParseRules(b)
	if err != nil {
		return rules, fmt.Errorf("badge_rules %s: %w", r.Config.BadgeRules, err)
	}
	return rules, nil
}

// phones knows from enrollment how to reach the holder of a certificate.
type phones struct {
	people *enroll.Desk
	ca     *ca.Authority
}

// Mobile is badge.People: the first certificate of the line names the
// application.
func (p phones) Mobile(ctx context.Context, c ca.Certificate) (string, error) {
	first, err := p.ca.Certificate(ctx, c.Lineage)
	if err != nil {
		return "", err
	}
	who, err := p.people.Known(ctx, first.Request)
	return who.Mobile, err
}
