package service

import (
	"context"
	"fmt"
	"os"
	"slices"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/complaints"
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

// people knows from enrollment who the holder of a certificate is.
type people struct {
	enroll *enroll.Desk
	ca     *ca.Authority
}

// Mobile is badge.People: the first certificate of the line names the
// application.
func (p people) Mobile(ctx context.Context, c ca.Certificate) (string, error) {
	who, err := p.known(ctx, c)
	return who.Mobile, err
}

// Born is badge.People too.
func (p people) Born(ctx context.Context, c ca.Certificate) (string, error) {
	who, err := p.known(ctx, c)
	return who.BirthDate, err
}

func (p people) known(ctx context.Context, c ca.Certificate) (evidence.Identity, error) {
	first, err := p.ca.Certificate(ctx, c.Lineage)
	if err != nil {
		return evidence.Identity{}, err
	}
	return p.enroll.Known(ctx, first.Request)
}

// findBusiness searches businesses for who complains, among those with badges:
// each once.
func (r *rooms) findBusiness(ctx context.Context, question string) (list []complaints.Candidate, err error) {
	records, err := r.badge.Find(ctx, question)
	for _, b := range records {
		if !slices.ContainsFunc(list, func(c complaints.Candidate) bool { return c.Business == b.Business }) {
			list = append(list, complaints.Candidate{Business: b.Business, Name: b.LegalName, Domain: string(b.Domain.Unicode)})
		}
	}
	return list, err
}
