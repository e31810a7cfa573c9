-- load: the events of a stream behind a version, up to a version and to an instant of recording, with the stream's key
SELECT e.originator_version, e.topic, e.state, s.key
FROM streams s JOIN stored_events e ON e.originator_id = s.id
WHERE s.id = %s AND e.originator_version > %s AND e.originator_version <= %s AND e.recorded_at <= %s
ORDER BY e.originator_version;

-- position: where a version of a stream stands in the log
SELECT notification_id FROM stored_events WHERE originator_id = %s AND originator_version = %s;

-- on_order: the commitments of an order, closed ones too
SELECT id FROM streams WHERE order_id = %s AND category = 'commitment' ORDER BY id;

-- known: which of these streams there are
SELECT id FROM streams WHERE id = ANY(%s);

-- knows_order: whether anything was ever recorded about an order
SELECT 1 FROM streams WHERE order_id = %s LIMIT 1;

-- load_all: all events of those of these streams that are commitments, with the streams' keys
SELECT e.originator_id, e.originator_version, e.topic, e.state, s.key
FROM streams s JOIN stored_events e ON e.originator_id = s.id
WHERE s.id = ANY(%s) AND s.category = 'commitment'
ORDER BY e.originator_id, e.originator_version;

-- load_all_at: the events of those of these streams that are of a category, up to an instant of recording, with the keys
SELECT e.originator_id, e.originator_version, e.topic, e.state, s.key
FROM streams s JOIN stored_events e ON e.originator_id = s.id
WHERE s.id = ANY(%s) AND s.category = %s AND e.recorded_at <= %s
ORDER BY e.originator_id, e.originator_version
