package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Announce tells every node that follows the topic, as soon as the transaction
// is durable, and nobody if it is undone. The topic is a word of at most 40
// octets, the text has at most 1,000. A store that one process has to itself
// has nobody to tell.
//
// PostgreSQL lets transactions that announce commit one after the other: it is
// for what is rare, as revocations are, and for nothing that every request does.
func Announce(tx Tx, topic, text string) {
	if a, ok := tx.(announcer); ok {
		a.announce(topic, text)
	}
}

// announcer is a Tx that can tell other nodes.
type announcer interface{ announce(topic, text string) }

// notice is what an Announce says.
type notice struct{ topic, text string }

// channel is the topic's name as the server knows it.
func (n notice) channel() string { return "mohr_" + n.topic }

// Follower is a Store that other nodes write to as well.
type Follower interface {
	// Follow calls hear with every text that a node announces on the topic,
	// this one included, and with "" at the beginning and once it listens:
	// what was announced before may have been missed, and has to be looked
	// for. It returns when ctx ends or the connection breaks, and at once where
	// the server is a standby, on which nobody can listen. Who calls it again
	// every now and then has the poll that is wanted where nothing can be
	// heard. Calls of hear come one at a time.
	Follow(ctx context.Context, topic string, hear func(text string)) error
}

const (
	// beat is how long nothing is heard before the connection is looked at.
	beat = 500 * time.Millisecond
	// beatWait is how long the server may take to say that it is there.
	beatWait = 2 * time.Second
)

func (s *pgStore) Follow(ctx context.Context, topic string, hear func(text string)) error {
	hear("")
	conf := s.pool.Config().ConnConfig
	conf.RuntimeParams["application_name"] += " listening"
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return unavailable(ctx, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatWait)
		defer cancel()
		conn.Close(ctx)
	}()
	var standby bool
	if err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return unavailable(ctx, err)
	}
	if standby {
		return nil
	}
	if _, err := conn.Exec(ctx, "LISTEN "+table(notice{topic: topic}.channel())); err != nil {
		return unavailable(ctx, err)
	}
	hear("")
	for {
		text, err := next(ctx, conn)
		if err != nil {
			return fmt.Errorf("listen: %w", unavailable(ctx, err))
		}
		if text != "" {
			hear(text)
		}
	}
}

// next waits for an announcement, a beat at most: "" if there was none and the
// server is still there.
func next(ctx context.Context, conn *pgx.Conn) (text string, err error) {
	wait, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return n.Payload, nil
	}
	if !errors.Is(err, context.DeadlineExceeded) && !pgconn.Timeout(err) || ctx.Err() != nil {
		return "", err
	}
	look, cancel := context.WithTimeout(ctx, beatWait)
	defer cancel()
	return "", conn.Ping(look)
}
