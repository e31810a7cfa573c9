-- any_parked: whether one of these projections leaves something out
SELECT 1 FROM parked WHERE projection = ANY(%(names)s) AND NOT building LIMIT 1;

-- is_parked: whether a projection leaves out this stream
SELECT 1 FROM parked WHERE projection = %(name)s AND NOT building AND stream = %(stream)s
