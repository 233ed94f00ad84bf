//! Every bound in the program, with where it comes from.

use std::time::Duration;

// ── Rows in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest record that may span lines, in bytes. Our choice: a quote that is never closed must be noticed within this
/// much, and no contact is longer.
pub const RECORD_BYTES: usize = 1 << 20;

/// Most physical lines of one record. Our choice: the longest notes that address books export have a few hundred.
pub const RECORD_LINES: usize = 1000;

/// Longest physical line, in bytes, and with it the most memory that reading a list may take for its window. Our choice:
/// room for a picture in a field, far above anything a person would open.
pub const LINE_BYTES: usize = 64 << 20;

/// Longest address field handed on, in bytes. Our choice: an address has 254 octets, a display name and comments before
/// it have hundreds at most.
pub const FIELD_BYTES: usize = 64 << 10;

/// Most lists of one run. Our choice: each is held open, and the files that it comes to are.
pub const LISTS: usize = 64;

/// Longest name of a folder, in bytes: what file systems allow is 255, and a lock or a copy has a longer one.
pub const FOLDER_NAME: usize = 200;

/// Most addresses that `check` takes from standard input. Our choice: what a person reads.
pub const CHECKED_ADDRESSES: usize = 1000;

/// Rows with something in the address cell from which it may be said that the column is the wrong one. Our choice: of a
/// few rows all may be spoilt.
pub const WRONG_COLUMN_ROWS: u64 = 10;

/// The share of such rows without an address over which the column is the wrong one. Our choice: the worst lists of
/// real recipients have a third.
pub const WRONG_COLUMN_SHARE: f64 = 0.9;

/// How much of a list is looked at to find its dialect, header and address column, in bytes. Our choice.
pub const SNIFF_BYTES: usize = 256 << 10;

/// Most records of the looked-at part that are counted. Our choice: a thousand say as much as ten thousand.
pub const SNIFF_RECORDS: usize = 1000;

/// Most records above the header of a list. Our choice: the longest preamble seen, of a report with its filters, has a
/// dozen lines.
pub const LINES_ABOVE: usize = 30;

/// Most records of a footer. Our choice: the longest seen has six lines.
pub const LINES_BELOW: usize = 20;

/// Longest footer, in bytes. Our choice: far above a page of legal text; what is longer is rows.
pub const FOOTER_BYTES: usize = 64 << 10;

/// Most columns of a sheet: what Excel has (16,384).
pub const SHEET_COLUMNS: u32 = 16_384;

/// Most rows of a sheet below its header: what Excel has (1,048,576), less the header.
pub const SHEET_ROWS: u32 = 1_048_575;

/// Most bytes that a part of a workbook may unpack to, and that its sheet may take as text. As Apache POI has it (4 GiB): a
/// million rows of a hundred cells.
pub const SHEET_BYTES: u64 = 4 << 30;

/// Most bytes of text of a workbook that is held in memory. Our choice: a million rows of ten cells with texts of their own
/// take 300 MB.
pub const SHARED_TEXT_BYTES: u64 = 512 << 20;

/// Most cells of a sheet that is held in memory (`OpenDocument`, Excel up to 2003). Our choice: a million rows of ten cells, in about a gigabyte.
pub const SHEET_CELLS: u64 = 10_000_000;

/// How many bytes a part of a workbook may unpack to from however few. Our choice: what any machine bears.
pub const INFLATED_BYTES: u64 = 64 << 20;

/// Beyond that, most bytes that one byte of a packed list may unpack to. RFC 1951 lets one byte of deflate make 1,032; lists
/// come to ten or twenty.
pub const UNPACKED_RATIO: u64 = 1_100;

/// How many times longer than packed a part may be beyond that. Apache POI takes 100; deviates because sheets of many equal
/// cells come near to that. What is made to fill memory has 1000, which is the most that DEFLATE can.
pub const INFLATION: u64 = 200;

/// Most characters of a cell: what Excel has (32,767).
pub const CELL_CHARACTERS: usize = 32_767;

/// Most columns that JSON is spread over. Our choice: far above what exports have; keys beyond it are left out.
pub const JSON_COLUMNS: usize = 1000;

/// Most arrays of a JSON document that are looked at for the list. Our choice: answers of programs have a handful.
pub const JSON_ARRAYS: usize = 64;

/// How many of the first bytes decide whether a file is text, in bytes. Our choice: short, so that damage further on
/// costs rows and not the list.
pub const BINARY_LOOK_BYTES: usize = 512;

/// Largest window of a zstd frame, as a power of two in bytes. RFC 8878 §3.1.1.1.2 recommends 8 MiB at least; 128 MiB is
/// what the `zstd` program writes at most without being told.
pub const ZSTD_WINDOW_LOG: u32 = 27;

// ── Addresses (RFC 5321 §4.5.3.1, RFC 1035 §2.3.4) ──────────────────────────────────────────────────────────────────

/// Longest local part, in octets (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_OCTETS: usize = 64;

/// Longest domain, in octets (RFC 5321 §4.5.3.1.2 allows 255 with the root dot; written without it: 253).
pub const DOMAIN_OCTETS: usize = 253;

/// Longest label of a domain, in octets (RFC 1035 §2.3.4).
pub const LABEL_OCTETS: usize = 63;

/// Longest address, in octets: a path is at most 256 with its angle brackets (RFC 5321 §4.5.3.1.3).
pub const ADDRESS_OCTETS: usize = 254;

/// Longest text in which an address is looked for, in bytes. Our choice: a `mailto:` link with a subject fits, and a
/// field of megabytes is refused before anything walks over it.
pub const ADDRESS_TEXT_BYTES: usize = 4 << 10;

/// Most addresses taken from one cell. Our choice: a directory keeps a few for one person; a cell with more is a list of
/// its own.
pub const CELL_ADDRESSES: usize = 16;

// ── Replies ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest reply line taken, in bytes. RFC 5321 §4.5.3.1.5 says 512; deviates because policy servers quote whole pages.
/// Our choice: only a line without an end is a fault.
pub const REPLY_LINE_BYTES: usize = 64 << 10;

/// Longest reply taken, in bytes, so the most memory that one connection's replies may hold. Our choice: four of the
/// longest lines, or a thousand of 256 bytes.
pub const REPLY_BYTES: usize = 256 << 10;

/// Most lines of one reply. Our choice: an EHLO reply has about 15, a policy's text a hundred; only lines without an end
/// are a fault.
pub const REPLY_LINES: usize = 1000;

/// Longest line of a reply that is taken out of a bounce's text, in bytes. Our choice: twice what RFC 5321 §4.5.3.1.5 allows
/// a host to say.
pub const QUOTED_LINE_BYTES: usize = 1 << 10;

/// Most lines of such a reply, and most paragraphs of a bounce in which one is looked for. Our choice.
pub const QUOTED_LINES: usize = 128;

/// Most bytes taken from a connection at a time. Our choice: the replies to one batch fit.
pub const READ_BYTES: usize = 8 << 10;

/// Longest reply text kept in evidence, in bytes. RFC 5321 §4.5.3.1.5 allows a line of 512; what is longer says no more in
/// its rest.
pub const EVIDENCE_REPLY_BYTES: usize = 512;

/// How much text of one reply is read for its meaning, in bytes. Our choice: several times the longest seen in use.
pub const READ_REPLY_BYTES: usize = 4 << 10;

/// Longest address in angle brackets that is taken out of a reply before it is read, in bytes. RFC 5321 §4.5.3.1 allows a
/// path of 256; a little more for what servers put around it.
pub const BRACKETED_ADDRESS_BYTES: usize = 320;

/// Most words that may stand between the two halves of a phrase that rules write with two dots, such as
/// `user .. unknown`. Our choice: a name and a few fillers, less than a sentence.
pub const PHRASE_GAP: usize = 4;

/// How many replies are searched phrase by phrase before the automaton is made that finds all phrases at once. Measured:
/// making it takes as long as some fifteen such searches, and a bounce that is piped in needs three.
pub const SEARCHES_BY_PART: usize = 12;

/// So many bytes of phrases the automaton takes for certain; ours are 60 thousand.
pub const PHRASE_BYTES_CERTAIN: usize = 8 << 20;

// ── Waiting for a mail host ─────────────────────────────────────────────────────────────────────────────────────────
// RFC 5321 §4.5.3.2 asks senders of mail to wait 5 minutes. Deviates, because a question that goes unanswered loses no
// message; each is longer than the tarpits in use (Exchange 5 s, postscreen 6 s, SpamExperts 30 s).

/// Time to establish a connection to one address. RFC 5321 §4.5.3.2 names none; Postfix gives 30 s. A live host answers
/// within two retransmissions, which the first 7 s see.
pub const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// Time to establish a connection in the last round through mail hosts that did not answer. That of Postfix
/// (`smtp_connect_timeout`), for a host behind a bad line.
pub const LAST_CONNECT_WAIT: Duration = Duration::from_secs(30);

/// Time for the whole greeting.
pub const GREETING_WAIT: Duration = Duration::from_secs(60);

/// Time for the whole greeting where another mail host can be asked instead; one that used it up is given the whole time
/// when the others fail as well. Our choice: more than twice what postscreen takes (6 s), and the same as for connecting,
/// so that either kind of silence costs those behind it the same.
pub const GREETING_WAIT_BESIDE_OTHERS: Duration = Duration::from_secs(15);

/// Time for the whole answer to EHLO or HELO.
pub const HELLO_WAIT: Duration = Duration::from_secs(45);

/// Time for STARTTLS and its handshake.
pub const TLS_WAIT: Duration = Duration::from_secs(30);

/// Machines whose encrypted sessions are remembered, so that the next connection takes one up again. Our choice: about as
/// many as are asked at once, at some 10 KB each.
pub const TLS_MACHINES: usize = 512;

/// Time for the whole answer to MAIL.
pub const MAIL_WAIT: Duration = Duration::from_secs(45);

/// Time for the whole answer to one RCPT.
pub const RCPT_WAIT: Duration = Duration::from_secs(60);

/// Most time for an answer from a host that has taken ever longer in this conversation: what RFC 5321 §4.5.3.2.3 gives RCPT.
/// Courier as Debian ships it keeps silent after each refusal, twice as long every time, from 8 to 128 s (`TARPIT`).
pub const SLOWING_HOST_WAIT: Duration = Duration::from_secs(300);

/// How many times as long as it has taken so far in a conversation a host may take for the next answer. Our choice: it may
/// double the time, and be busy besides.
pub const SLOWING_HOST_FACTOR: u32 = 3;

/// Time for the answer to QUIT. Our choice: longer than Courier keeps silent after its first refusal (8 s), so that it finds
/// us still there.
pub const GOODBYE_WAIT: Duration = Duration::from_secs(10);

/// The same at a machine that has sent a reply too many, or broken off: how slow it is may not be known in this run. Our
/// choice: longer than most hosts take for a refusal.
pub const FENCED_GOODBYE_WAIT: Duration = Duration::from_secs(30);

/// After how long without a command a session lets the run look first whether the next one is still to be said. Our
/// choice: shorter than a worker may ask on without having written its lease, longer than most replies take.
pub const LONG_PAUSE: Duration = Duration::from_secs(10);

/// How long nothing may come after a reply of a host that has once sent one too many. Our choice: longer than a retransmission
/// (RFC 6298 §2.4: a second at least) on an ordinary way; what comes later still shows when we say goodbye.
pub const QUIET_WAIT: Duration = Duration::from_secs(1);

/// For how many commands' time nothing may come where replies too many may be on their way. Our choice: one command's
/// answer is late by that much where it takes as long as the slowest and the mean is half of it.
pub const QUIET_COMMANDS: u32 = 3;

/// How often a host's replies may be found out of step before it is asked nothing more. Our choice: once may be a
/// server's restart.
pub const FAULTS_OF_STEP: u8 = 2;

/// How often the sessions with a machine may break off without having shown that they are in step, before each of its
/// answers is fenced. Our choice: several sessions may break off side by side.
pub const DOUBTS_OF_STEP: u8 = 3;

/// Most replies that are read after QUIT from a host that is out of step, to be polite to one that has more to say. Our
/// choice: as many as a connection may have questions.
pub const REPLIES_AFTER_QUIT: u32 = RECIPIENTS_OF_A_CONNECTION;

/// How often we begin to say QUIT where unsolicited replies keep arriving before it. Our choice: late ones come in a
/// few pieces.
pub const TRIES_AT_QUIT: u32 = 5;

/// Time for a host to close the connection once it has answered QUIT. Our choice: the way there and back.
pub const CLOSING_WAIT: Duration = Duration::from_secs(1);

// ── Mail hosts ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Most mail hosts of a domain that are tried. Postfix tries 5 addresses (`smtp_mx_address_limit`).
pub const MAIL_HOSTS: usize = 5;

/// Most names of mail hosts that are looked up to find so many with addresses of their own. Our choice: seen are domains
/// with a dozen MX records, most of them leftovers.
pub const MAIL_HOST_NAMES: usize = 16;

/// Most addresses of one mail host that are tried. The same choice.
pub const ADDRESSES_OF_A_HOST: usize = 5;

// ── Pace at one host ────────────────────────────────────────────────────────────────────────────────────────────────

/// Well answered recipients that earn a host's next connection with some more speed. Our choice: about two connections'
/// worth.
pub const ANSWERS_TO_SPEED_UP: u32 = 20;

/// How long to stay away from a host that asked to slow down, the first time. Our choice, above the 30 s that stock
/// servers count connections over (Postfix `anvil_rate_time_unit` is 60 s).
pub const SLOWDOWN_WAIT: Duration = Duration::from_secs(60);

/// Most recipients a second that a host is asked about in the end which answers quickly for minutes without a complaint,
/// where the operator says nothing. Our choice: a fifth of what senders deliver to an operator that they know nothing of
/// (the shaping defaults of `KumoMTA`: 100 messages a second); small hosts never have so many addresses on a list.
pub const HOST_RATE_MOST: u32 = 20;

/// How long such a host must answer quickly before each step, in whole. Our choice.
pub const QUICKENS_EVERY: Duration = Duration::from_secs(60);

/// How many such times must have passed in a row before the first step. Our choice: a host that counts by the minute has
/// counted twice by then.
pub const QUICK_BEFORE_THE_FIRST_STEP: u32 = 2;

/// Most hosts that keep addresses waiting that are told by name. Our choice: what a person takes in.
pub const WAITING_HOSTS_TOLD: usize = 8;

/// By how many recipients a second it is asked faster with each step. Our choice: a fifth of the general rate.
pub const QUICKENS_BY: u32 = 2;

/// How long one answer may take on average at a host that answers quickly. Our choice: a round trip across an ocean with
/// a host at its end that is not busy.
pub const QUICK_REPLY: Duration = Duration::from_millis(500);

/// How near the speed that a host bears is held under one at which it complained, as one part in so many of it. Our choice:
/// a step nearer gains less than the wait after another complaint costs, and would be a nuisance.
pub const NEAR_ENOUGH: u32 = 4;

/// How long hosts count recipients that allow so many of them in a while, where they name no time (Postfix
/// `anvil_rate_time_unit`).
pub const RECIPIENTS_COUNTED_OVER: Duration = Duration::from_secs(60);

/// How many recipients it must have borne for its first complaint to teach that pace. Our choice: a batch; with fewer,
/// some may have been asked about before the run was interrupted, and the next complaint comes after a whole such time.
pub const BORNE_AT_FIRST: u32 = REFUSED_RECIPIENTS;

/// The part of what such a host bore that it is asked about from then on, as one in so many less. Our choice: its clock is
/// not ours, and counts whole seconds.
pub const LESS_THAN_BORNE: u32 = 10;

/// How long one answer must take on average before a host counts as having become slow. Our choice: above any round
/// trip on earth with a busy server at its end.
pub const SLOW_REPLY: Duration = Duration::from_secs(2);

/// How long one answer must take on average, refusals included, before it is those that hold us up rather than our limits:
/// then another connection is worth while sooner. Our choice: Exchange takes 5 s for each refusal
/// (`TarpitInterval`), and one address in five is refused on a common list.
pub const DELAYED_ANSWER: Duration = Duration::from_secs(1);

/// Well answered recipients that earn the next connection with a host that delays its answers. Our choice: they come one by
/// one, over several seconds each.
pub const DELAYED_ANSWERS_TO_SPEED_UP: u32 = 5;

/// Batches between two judgements of whether a host has become slow ([`SLOW_REPLY`]). Our choice.
pub const SLOW_REPLIES: u32 = 10;

/// The time for one answer while nothing is known of a host. Our choice: about a round trip across an ocean.
pub const ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long to wait before connecting again to a host that cut the connection after a refusal, as some do with every
/// wrong address. Our choice: less is a hammering.
pub const CUT_WAIT: Duration = Duration::from_secs(1);

/// How often that time doubles at most: 60 s becomes 32 min, the order of Postfix's `maximal_backoff_time` (4000 s).
pub const SLOWDOWN_DOUBLINGS: u32 = 5;

/// How long a host may take at the pace that its complaints have taught us. Our choice: four hours are a night's work;
/// addresses that would wait longer are left for another run.
pub const TAUGHT_PACE_WAIT: Duration = Duration::from_secs(4 * 3600);

/// Recipients a second at a host that had no limit until it asked to slow down. Our choice: the general limit.
pub const RATE_AFTER_DISPLEASURE: u32 = 10;

/// How long a host that has shown that it blocks us is left in peace, where its provider is not known to name a time.
/// Block-list replies: MTA shaping rules suspend for 2 hours.
pub const BLOCK_WAIT: Duration = Duration::from_secs(2 * 3600);

// ── Questions in one connection ─────────────────────────────────────────────────────────────────────────────────────

/// Most refused recipients in one connection. Below Postfix's soft error limit of 10 (`smtpd_soft_error_limit`), after
/// which it slows down, and Exim's stock limit of 10.
pub const REFUSED_RECIPIENTS: u32 = 9;

/// Recipients after which refused ones must not outnumber accepted ones: Exim's stock ACL counts from the eleventh on.
pub const RECIPIENTS_BEFORE_RATIO: u32 = 10;

/// Answers of a domain from which on they say something of its other addresses. Our choice: four refusals in a row are no
/// chance where one in three is bad.
pub const ANSWERS_THAT_TELL: u32 = 4;

/// Domains in a queue that are looked through for one that is likelier to accept a recipient. Our choice: enough to
/// find one on a common list, little enough to be done for every batch.
pub const DOMAINS_LOOKED_THROUGH: usize = 16;

/// Most recipients in one connection. Our choice: what one connection may take where nothing else is known.
pub const RECIPIENTS_OF_A_CONNECTION: u32 = 100;

/// Most recipients in one transaction. RFC 5321 §4.5.3.1.8 has every host take 100; a quarter is modest.
pub const RECIPIENTS_OF_A_TRANSACTION: u32 = 25;

/// Most transactions in one connection where the provider is not known: Exim drops a client after 10 commands that are
/// no mail, RSET among them (`smtp_accept_max_nonmail`).
pub const TRANSACTIONS_OF_A_CONNECTION: u32 = 10;

/// Most transactions in one connection where the provider is known not to count RSET. Our choice.
pub const TRANSACTIONS_AT_A_KNOWN_PROVIDER: u32 = 50;

/// Most transactions in one connection with Postfix: half of the commands without a purpose, RSET among them, after
/// which it takes each for an error (`smtpd_junk_command_limit`).
pub const TRANSACTIONS_AT_POSTFIX: u32 = 50;

/// How long a conversation steps back for one that has not asked anything yet. Our grain of time: that one is due now.
pub const TO_LET_ANOTHER_GO_FIRST: Duration = Duration::from_millis(1);

/// How long a connection may rest between questions. Our choice: after that it is politer to come back.
pub const REST: Duration = Duration::from_secs(10);

/// How long a connection with room may rest while another with the same hosts awaits the answers that decide which
/// address may be asked about next. Our choice: longer than most answers take; RFC 5321 §4.5.3.2.7 has servers wait
/// five minutes.
pub const REST_BESIDE_ANOTHER: Duration = Duration::from_secs(60);

/// How often a connection that rests for another one's answer to a decoy looks whether it has come. Our choice: a fraction
/// of the time for which the slowest refusals are delayed (Exchange: 5 s).
pub const LOOKS_UP: Duration = Duration::from_secs(1);

// ── Asking again ────────────────────────────────────────────────────────────────────────────────────────────────────

/// How long to wait for a greylisting host that names no time. Postgrey waits 300 s; a minute more for its clock.
pub const GREYLIST_WAIT: Duration = Duration::from_secs(360);

/// How long postgrey defers an unknown client (`--delay`, 300 s as it comes).
pub const POSTGREY_WAIT: Duration = Duration::from_secs(300);

/// How long Postfix takes to verify an address with the host behind it, at first: it asks three times, three seconds apart,
/// before it says that it is still at it (`address_verify_poll_count`, `address_verify_poll_delay`).
pub const VERIFICATION_WAIT: Duration = Duration::from_secs(10);

/// How long postscreen needs to admit a client that has passed its tests: it takes the next connection.
pub const POSTSCREEN_WAIT: Duration = Duration::from_secs(1);

/// How often a host is believed to begin greylisting. Our choice: each time all its domains are looked at.
pub const GREYLIST_TURNS: u8 = 3;

/// What is added to a wait that a host names: it counts in whole seconds, from when it wrote, not from when we read.
pub const NAMED_WAIT_MARGIN: Duration = Duration::from_secs(1);

/// Most refused addresses that are asked about a second time. Our choice: a thousand measure an error of one in a
/// thousand, ten thousand leave room for large shares.
pub const SECOND_LOOKS: usize = 10_000;

/// Longest wait that a host may ask for and be believed. Seen in use: Mimecast up to 12 hours.
pub const NAMED_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How often a recipient that is not settled is asked about again. Seen in use: up to four tries over 46 minutes.
pub const TRIES: u8 = 3;

/// How often a recipient is asked about again that a host put off because we ask too much: with speed halved each time,
/// a sixteenth of it is reached after four.
pub const TRIES_WHEN_TOO_FAST: u8 = 6;

/// How often a domain's decoy is asked about, as often as an address ([`TRIES`] times again). One answer settles it; a
/// greylisting host needs a second question, a slow one a third, one whose words promise less time than it takes a
/// fourth.
pub const DECOYS: u32 = 4;

/// Addresses of a catch-all domain that are asked about all the same, those least likely to exist: some such domains
/// refuse names that they have closed. Our choice: each costs a question, and few are refused.
pub const ASKED_AT_A_CATCH_ALL: u8 = 3;

/// Answers "you are blocked" at RCPT, with no other answer between, after which a host is believed. At an earlier stage
/// one is enough. Our choice: one may be about the one recipient.
pub const BLOCK_SIGNS: u32 = 3;

/// Refusals in a connection after which some hosts accept every recipient: what is accepted then and last is tested by
/// a decoy. Measured on hosts that do so; fewer count where a host was seen to.
pub const REFUSALS_BEFORE_A_TURN: u32 = 3;

/// Conversations with the same hosts that end before a decoy has shown what their last acceptances are worth, after which
/// further ones end before they have refused [`REFUSALS_BEFORE_A_TURN`], or more than the hosts are known to bear. Our choice:
/// one may be cut off by chance.
pub const UNTESTED_TAILS: u8 = 2;

/// Fewest addresses of a list that a domain must refuse as unknown, more than twice as many as it accepts, before it is
/// held to refuse unknown recipients without a decoy. Our choice: a catch-all domain refuses few names.
pub const LISTED_UNKNOWN_RECIPIENTS: u32 = 5;

/// Fewest machines of a host key, at mail hosts of different domains, that must block us before their neighbours are held to do
/// so too; most of those met must.
/// Our choice: a hoster's machines are listed, and cleared, one by one.
pub const MACHINES_THAT_SPEAK_FOR_ALL: usize = 2;

/// Questions that wait for each connection to the same hosts before another is worth while. Our choice: about what one
/// connection is good for on a list with a third of bad addresses: nine refused, twice as many accepted.
pub const QUESTIONS_WORTH_A_CONNECTION: usize = 3 * REFUSED_RECIPIENTS as usize;

/// Last answers of a host that are weighed against its history. Our choice: fewer jump by chance, more come late.
pub const TRUST_WINDOW: u32 = 40;

/// Answers of a host before its history is worth something. Our choice.
pub const TRUST_HISTORY: u64 = 100;

/// Refusals in a row at a host that make us ask again about an address it accepted. Our choice: a host that refuses
/// half of the list gets there once in 256 questions.
pub const REFUSALS_IN_A_ROW: usize = 8;

/// Acceptances in a row at a host that make us ask about another decoy; twice as many where few were refused. Our choice:
/// a host that refuses one in ten gets there one time in eight.
pub const ACCEPTED_IN_A_ROW: usize = 20;

/// How often that row doubles at most, from test to test that a host passes: 20 become 320, so that even a list without
/// any bad address costs few decoys.
pub const ROW_DOUBLINGS: u32 = 4;

/// The same when a host has nothing else left to be asked. Our choice: what a row cannot show any more.
pub const SHORT_ROW: usize = 3;

/// Further decoys in a row that teach nothing before a host is left untested. Our choice: one may be lost with its
/// connection, one told to come back.
pub const TESTS_IN_VAIN: u8 = 3;

/// Conversations for a last test, when all else is done, before a host's last answers are left as they are. Our choice: one
/// may be cut off.
pub const LAST_TESTS: u8 = 2;

/// Most acceptances that may be taken back: the longest row that is not tested.
pub const LONGEST_ROW: usize = ACCEPTED_IN_A_ROW << (ROW_DOUBLINGS + 1);

/// Last acceptances of a mail host among which a run that continues looks for an address whose acceptance means
/// something. Our choice: most domains refuse unknown recipients.
pub const KNOWN_GOOD_CANDIDATES: usize = 8;

/// Refused unknown recipients after which a host may have begun to answer otherwise, so that even a short row is looked
/// at: as many mistakes as Postfix (`smtpd_soft_error_limit`) and Exim (its stock access list) bear with.
pub const UNKNOWN_RECIPIENTS: u32 = 10;

/// Refused unknown recipients after which even one answer is a row when a host has nothing else left to be asked. Our
/// choice: a host that guards itself has most likely begun to by then, and few hosts in a list get there.
pub const MANY_UNKNOWN_RECIPIENTS: u32 = 12;

/// Most addresses of one group of mail hosts that are tried. Postfix tries 5 (`smtp_mx_address_limit`).
pub const TARGETS: usize = 5;

// Connections that end without a reply about a recipient are the last net under every path: whatever goes wrong, theirs or
// ours, they are few and far between.

/// How long a machine is left alone after such a connection; the time doubles from one to the next in a row. Our choice:
/// less is a hammering.
pub const FRUITLESS_WAIT: Duration = Duration::from_secs(1);

/// How often that time doubles at most: 1 s becomes about four minutes.
pub const FRUITLESS_DOUBLINGS: u32 = 8;

/// Most such connections in a row to the same mail hosts, before their addresses are left unsettled; up to twice as many
/// where hosts have answered. Our choice: one may be lost on the way, five are no chance.
pub const FRUITLESS_IN_A_ROW: u32 = 5;

/// Fewest in a row before hosts are given up for the time that they take. Our choice: one may be chance.
pub const FRUITLESS_AT_LEAST: u32 = 2;

/// Such connections in a row to one machine after which the domain's next is tried. Our choice: one may be chance.
pub const FRUITLESS_BEFORE_THE_NEXT: u32 = 2;

/// Most such connections to the same mail hosts in a run, with one more for every [`FRUITFUL_PER_FRUITLESS`] that brought a
/// reply. Our choice.
pub const FRUITLESS_CONNECTIONS: u32 = 10;

/// Connections with a reply that make up for one without. Our choice: where the network breaks one batch in fifty, one
/// connection in twelve is lost before its first answer.
pub const FRUITFUL_PER_FRUITLESS: u32 = 8;

/// Longest time for which a host may go on without a reply about a recipient, when the last connection is dialled. Our
/// choice: longer than a restart, short beside a run; twenty minutes less the time that it may take to get there.
pub const FRUITLESS_TIME: Duration = Duration::from_secs(20 * 60 - 30);

/// How long an address that did not answer is left alone. Our choice, below common restart times.
pub const DEAD_HOST_WAIT: Duration = Duration::from_secs(600);

/// How long to wait before another round through the mail hosts that all failed. Postfix waits 300 s
/// (`minimal_backoff_time`).
pub const UNREACHABLE_WAIT: Duration = Duration::from_secs(300);

/// Time for our own proxy to take a connection, and again for its first word. Our choice: it is near, and busy at most.
pub const PROXY_WAIT: Duration = Duration::from_secs(5);

/// How long no host is dialled after our own proxy failed, the first time; it doubles from time to time. Our choice.
pub const STRANDED_WAIT: Duration = Duration::from_secs(1);

/// Times in a row that our own proxy may fail before a run gives up. Our choice: with waits that double it has had about
/// a minute by then, which is a restart's worth.
pub const STRANDINGS: u32 = 7;

/// How long it is remembered that encryption failed with a machine, or that its replies were out of step. Our choice: a week
/// is enough to mend it.
pub const CONDUCT_MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most machines under one key of which that is remembered. Our choice: far more than one key's lists of mail hosts name.
pub const MACHINES_REMEMBERED: usize = 64;

/// Most replies of its own wording with which a machine refuses unknown recipients that are remembered, and most decoys
/// refused in words that nothing has explained yet. Our choice: a machine has a few.
pub const PUZZLES: usize = 16;

/// Rounds through a domain's mail hosts in vain after which its addresses are left unsettled.
pub const ROUNDS: u8 = 2;

/// How often a domain's mail hosts are looked up when DNS gives no usable answer.
pub const RESOLUTIONS: u8 = 2;

/// How long to wait before the second look-up, and how long a mail host whose look-up failed is left alone. Our choice:
/// longer than a name server's restart.
pub const DNS_RETRY_WAIT: Duration = Duration::from_secs(30);

// ── The run ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// DNS questions under way at first. hickory holds a socket for each until its time is over.
pub const DNS_QUESTIONS: usize = 256;

/// Most of them, where the resolver bears them. Our choice: with a twentieth of a second an answer, these are as many a
/// second as two cores can put.
pub const DNS_QUESTIONS_MOST: usize = 512;

/// Fewest of them, however many get lost. Our choice: names of dead name servers, each of which costs its time, must not bring a
/// run to a stop.
pub const DNS_QUESTIONS_LEAST: usize = 32;

/// Answers after which the number of questions changes, by how many are under way. Our choice: the questions put before the last
/// change have been answered by then.
pub const DNS_ROUND: usize = 2;

/// Questions lost, in a hundred, up to which there may be more of them. Our choice: one in fifty belongs to dead name servers.
pub const DNS_LOST_FEW: usize = 2;

/// Questions lost, in a hundred, from which on there are to be fewer. Our choice: old lists have as many dead name servers.
pub const DNS_LOST_MANY: usize = 10;

/// Most sockets that one of them holds: one for each attempt (measured with hickory-resolver).
pub const SOCKETS_OF_A_DNS_QUESTION: usize = 3;

/// Files that a run opens beside sockets and those that are open when it begins to ask, among them the lists: the
/// ledger with its journal, the lists to come, pipes, the runtime's own. Our choice: about twenty were counted.
pub const OWN_FILES: usize = 32;

/// Fewest open files that a run can do with: its own, and a few conversations. Our choice, tried.
pub const LEAST_FILES: u64 = 64;

/// Open files that each further list of a run needs: itself, and what a spreadsheet is written down as.
pub const FILES_OF_A_LIST: u64 = 2;

/// Least memory that a run can do with, in bytes of address space. Tried: with 200 MB a run over two thousand domains
/// ended at once, with 300 MB it did not; most of it is set aside by threads, and never used.
pub const LEAST_MEMORY: u64 = 256 << 20;

/// Memory with which no list is too long, in bytes of address space. Our choice: a list of a million domains takes 370 MB, and
/// each thread sets some aside that it may never use.
pub const ENOUGH_MEMORY: u64 = 1 << 30;

/// How long sessions under way may take to end once a run is to stop. Our choice: the operator waits for it, and
/// Exchange's pause before a refusal (5 s) still fits.
pub const STOPPING_WAIT: Duration = Duration::from_secs(6);

/// Recipients a second that one mail host is asked about, where the operator says nothing. Our choice, on the polite side:
/// senders deliver faster.
pub const HOST_RATE: u32 = 10;

/// Connections at once to one mail host, where the operator says nothing. Our choice: what small hosts bear.
pub const HOST_CONNECTIONS: u32 = 2;

/// Connections at once to all mail hosts together, where the operator says nothing. Our choice: within what most systems
/// let a program open.
pub const CONNECTIONS: u32 = 500;

/// What takes less than this keeps the list's order; what takes longer is begun before it. Our choice: a moment beside a run.
pub const SHORT_WORK: Duration = Duration::from_secs(10);

/// How long one address may wait for a host that wants us to come back, where the operator says nothing. Our choice: past
/// what greylisting hosts ask for (RFC 6647 §5).
pub const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Most addresses that wait for an answer in memory at a time; further ones of crowded hosts wait in a file. At less than
/// 150 bytes each this is 75 MB.
pub const PENDING_ADDRESSES: usize = 500_000;

/// Most domains that wait in memory to be looked up; with so many the list is not read on. Our choice: at 700 bytes each
/// this is 14 MB, and DNS needs a second for them at its fastest, in which the list's next rows are read many times over.
pub const UNRESOLVED_DOMAINS: usize = 20_000;

/// Mail hosts whose addresses are remembered. Our choice: at 600 bytes each this is 12 MB, and those that many domains share
/// are far fewer.
pub const MAIL_HOSTS_REMEMBERED: usize = 20_000;

/// Where a host could take so many times as many addresses as wait for it in memory, its spilled addresses are taken
/// back. Our choice: one slow host alone then gets one and a half times as many as are left to it, before it runs dry.
pub const ROOM_PER_HUNGRY_QUEUE: usize = 4;

/// A pass through all spilled addresses is worth it when room is left for one in so many of those that may wait at all.
/// Our choice: each pass reads and writes the whole file, so many small hosts must not cause one for every few answers;
/// and up to so many slow hosts, less one, always leave that much room.
pub const PASSES_PER_FILLING: usize = 32;

/// Addresses read from the list at a time. Our choice: little enough that answers are not kept waiting.
pub const SUPPLY_BATCH: usize = 1_000;

/// How often progress is told, whatever happens meanwhile. Our choice: a clock on the screen moves every second.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(1);

// ── DNS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Time for one attempt at a DNS question. Our choice: resolvers answer in 20 ms or go looking for up to two seconds.
pub const DNS_WAIT: Duration = Duration::from_secs(3);

/// Longest wait before a question is repeated to a name server that may have lost it. Measured with 3 % of packets lost
/// and every name unknown: 10,000 questions a second with this, 800 with hickory's own, ever longer wait.
pub const DNS_REPEAT_WAIT: Duration = Duration::from_millis(400);

/// Further attempts after the first.
pub const DNS_ATTEMPTS: usize = 2;

/// Time for one look-up, whatever the resolver does meanwhile: a resolver that never comes back must not hold up a run.
/// Our choice: well above all of its attempts together.
pub const LOOK_UP_WAIT: Duration = Duration::from_secs(30);

/// Domains in a row without an answer after which DNS itself is tested. Our choice: name servers of two or three dead
/// domains in a row are common in old lists, and a test costs little.
pub const UNANSWERED_DOMAINS: usize = 8;

/// Most names by which DNS is tested at once: their own name servers may have died meanwhile. Our choice.
pub const DNS_TEST_NAMES: usize = 3;

/// How long nothing is looked up when DNS is out, the first time; it doubles from time to time. Our choice: a resolver that
/// is restarted is back by then.
pub const DNS_OUTAGE_WAIT: Duration = Duration::from_secs(5);

/// The longest of these waits. Our choice.
pub const DNS_OUTAGE_WAIT_MOST: Duration = Duration::from_secs(60);

/// Tests in a row without a sign of life after which DNS is given up. Our choice: with waits that double it has had more
/// than three minutes by then, which is a router's restart.
pub const DNS_TESTS: u32 = 7;

/// Answers that the resolver remembers: about 1.3 KB each, 5 MB in all. Our choice: a domain is looked up once, and its mail
/// hosts are remembered beside ([`MAIL_HOSTS_REMEMBERED`]), so hardly any is wanted twice.
pub const DNS_CACHE: u64 = 4_000;

/// DNS servers that are asked one by one when an answer proves nothing. Our choice: the first few of those configured.
pub const DNS_OPINIONS: usize = 3;

/// Answers remembered of each of them. Our choice: such answers are rare.
pub const DNS_OPINIONS_CACHE: u64 = 256;

/// Names, from the one asked for upwards, that are tried for the zone that it is in. Our choice: mail domains have two or
/// three labels, mail hosts one more.
pub const DNS_ZONES_TRIED: usize = 4;

/// Name servers of a zone that are asked where its resolvers prove nothing. Our choice: the first may be out.
pub const DNS_AUTHORITIES: usize = 2;

/// How long a "no" is remembered that does not say for how long it holds (RFC 2308 §5 leaves it to us).
pub const DNS_NEGATIVE_TTL: Duration = Duration::from_secs(60);

// ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Facts on their way into the ledger from which on no further address is taken up. Our choice: a fifth of a second's worth
/// at full speed.
pub const LEDGER_QUEUE: usize = 10_000;

/// Most facts of one transaction. Our choice: sorted, they share pages, the more of them the better; so many, about 7 MB, are
/// written in less than half a second.
pub const LEDGER_BATCH: usize = 20_000;

/// How long facts are gathered. One that comes while others are written waits for these, then so long, then for its own
/// writing: together less than a second, which is what a kill may cost.
pub const LEDGER_BATCH_WAIT: Duration = Duration::from_millis(250);

/// How long the ledger's writer lets facts come before it looks again. Our choice: the queue takes what comes meanwhile at
/// ten times full speed.
pub const LEDGER_NAP: Duration = Duration::from_millis(5);

/// How long to wait for another program that is writing the ledger. Our choice: bounces that are piped in at once write
/// one after the other, and three hundred took fifteen seconds in a build for tests on two cores.
pub const LEDGER_WAIT: Duration = Duration::from_secs(30);

/// How long to wait before a ledger that another program has for itself is asked for again.
pub const LEDGER_ASK_AGAIN: Duration = Duration::from_millis(20);

/// Memory for pages while writing, as `SQLite`'s `cache_size` counts it: negative, in KiB. Measured: with 64 MB a million
/// facts in random order are written twice as fast as with 16.
pub const LEDGER_WRITE_CACHE: i64 = -64_000;

/// Memory for pages while reading, counted the same way.
pub const LEDGER_READ_CACHE: i64 = -16_000;

/// Memory for pages of all threads together that look rows up ahead, counted the same way. Measured with ten million
/// addresses, whose inner pages are 100 MB: with twice as much the list takes as long.
pub const LEDGER_AHEAD_CACHE: i64 = -32_000;

/// Memory for pages while writing one long value after another, counted the same way.
pub const LEDGER_STREAM_CACHE: i64 = -4_000;

/// Pages of the write-ahead log after which `SQLite` brings them home. Measured: the default of 1,000 halves the speed.
pub const LEDGER_CHECKPOINT: i64 = 20_000;

/// How long after its beginning a run that did not end may be continued. Our choice: tonight's job finishes what last
/// night's could not, and nothing older passes for new.
pub const CONTINUE: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a local part from which on it identifies its address where it stands alone. Our choice: shorter ones are
/// found in any text.
pub const TELLING_LOCAL_PART: usize = 3;

/// How often a ledger that another process has alone is tried. Our choice: two seconds in all, since a run that ends has
/// it alone while it writes what is left of the log back into the file.
pub const LEDGER_GUARD_TRIES: u32 = 100;

/// Bytes of a ledger up to which it is looked through for damage before anything else. Our choice: a tenth of a second.
pub const LEDGER_CHECKED_AT_ONCE: u64 = 16 << 20;

/// Bytes of a file that are searched at once when an address is forgotten. Our choice.
pub const SEARCHED_AT_ONCE: usize = 1 << 20;

/// Mailboxes in one row of what a run compares itself with. Our choice: half a megabyte, so that one can be rewritten.
pub const STANDING_PART: usize = 1 << 16;

/// Bytes of a ledger for each byte of a list up to which one pass over the ledger is quicker than a look-up for each row.
/// Measured (`cargo bench --bench ledger`): a look-up costs five to ten times what passing over a row costs, and a row of a
/// ledger has about three times the bytes of a row of a list.
pub const LEDGER_PASS_BYTES: u64 = 12;

/// Domains whose facts a run's reader keeps in memory, and those beside it together. Our choice: about 20 MB.
pub const LEDGER_DOMAINS: usize = 50_000;

// ── The projection ──────────────────────────────────────────────────────────────────────────────────────────────────

/// How often bounces are drawn for an interval. Measured: the ends of a 90 % interval then move by about a twentieth of
/// its half from one seed to another.
pub const PROJECTION_DRAWS: usize = 2_000;

/// Most domains with a history of their own that are projected apart. Our choice: 16 KB of draws each.
pub const PROJECTED_DOMAINS: usize = 1_000;

/// Most providers that are projected apart, of each kind of address. Our choice: twice what we know.
pub const PROJECTED_PROVIDERS: usize = 100;

/// Domains whose rows are counted to find out how strongly the outcomes of one domain's addresses are correlated. Our
/// choice: about 2 MB.
pub const CLUMPED_DOMAINS: usize = 20_000;

// ── Rows out ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// How much of a file is looked at to tell whether presend wrote it, in bytes. Our choice: a header with hundreds of
/// columns fits.
pub const OUR_MARK_BYTES: usize = 64 << 10;

/// Bytes of a list gathered before they are written.
pub const WRITE_BYTES: usize = 256 << 10;

/// Bytes of lists that are written before they are brought to the disk while more is written. Our choice: a disk takes
/// them in a tenth of a second, and of short lists all is brought there at the end.
pub const FLUSH_BYTES: usize = 16 << 20;

/// Domains of which a reading keeps what their names alone say. Our choice: about 100 bytes each.
pub const DESCRIBED_DOMAINS: usize = 100_000;

/// Rows in a batch that is read ahead. Our choice: enough that handing it over costs nothing beside them.
pub const AHEAD_ROWS: usize = 1_000;

/// Bytes of rows after which a batch that is read ahead is full. Our choice.
pub const AHEAD_BYTES: usize = 256 << 10;

/// Batches before each thread that looks rows up, and as many behind it. Our choice: no side waits for another's pauses.
pub const AHEAD_BATCHES: usize = 4;

/// Threads that look rows up in the ledger, where there are so many processors. Our choice: they share
/// [`LEDGER_AHEAD_CACHE`], and one thread writes what they find.
pub const AHEAD_WORKERS: usize = 4;

/// Domains that are counted for a report's tables. Our choice: about 4 MB.
pub const REPORT_DOMAINS: usize = 20_000;

/// Different flags with their reasons, and different typing errors, that are counted for a report. Our choice.
pub const REPORT_KINDS: usize = 2_000;

/// Mail hosts whose questions are counted for a report. Our choice.
pub const REPORT_HOSTS: usize = 2_000;

/// Lines of one table in a report. Our choice: more is work for a spreadsheet, and the lists have it all.
pub const REPORT_LINES: usize = 50;

/// Different replies that no rule understood which a report lists.
pub const UNREAD_REPLIES: usize = 100;

// ── Bounce messages ─────────────────────────────────────────────────────────────────────────────────────────────────

/// How much of one message is read, in bytes. Our choice: a report stands before the message it returns, so what lies
/// beyond is the returned message's attachments.
pub const MESSAGE_BYTES: usize = 4 << 20;

/// Most MIME parts of one message that are looked at. Our choice: reports have three, forwarded ones about ten.
pub const MESSAGE_PARTS: usize = 256;

/// How many messages inside messages are opened in search of a forwarded bounce. Our choice.
pub const FORWARD_DEPTH: usize = 3;

/// How much text of a message is read for a report in plain words, in bytes. Our choice: such reports come first and
/// are short; what follows is the returned message.
pub const PROSE_BYTES: usize = 256 << 10;

/// Longest label before a recipient's address on a line of a bounce; longer ones are sentences. Our choice.
pub const LABEL_BYTES: usize = 80;

/// Most recipients taken from one report. Our choice: RFC 5321 §4.5.3.1.8 asks servers to take 100 in a transaction,
/// and some take 1000.
pub const NOTICE_RECIPIENTS: usize = 1000;

/// Longest value kept of one field of a report, in bytes. Our choice: a folded reply of many lines is about 1 KiB.
pub const REPORT_FIELD_BYTES: usize = 8 << 10;

// ── Real bounces ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Longest name of a column of a platform's export, in bytes. Our choice: the longest that we know have half of that.
pub const COLUMN_NAME_BYTES: usize = 60;

/// Largest object of a platform's export that is taken for one event, in bytes; a larger one is a wrapper round many.
/// Our choice: an event with all headers of its message is some 10 KiB.
pub const EVENT_BYTES: usize = 1 << 20;

/// How much of an export is read at a time, in bytes.
pub const EVENT_READ_BYTES: usize = 64 << 10;

/// Deepest nesting of brackets and braces in JSON that is gone through as one object. Our choice: `serde_json` gives up at
/// 128, and no platform comes near.
pub const JSON_NESTING: usize = 128;

/// Deepest nesting of an event's fields that is looked into. Our choice: platforms use up to five levels.
pub const EVENT_DEPTH: usize = 8;

/// Most fields of one event that are looked at. Our choice.
pub const EVENT_FIELDS: usize = 1_000;

/// Deepest folder in a folder that is searched for messages. Our choice: a mail store nests a few levels.
pub const FOLDER_DEPTH: usize = 32;

/// How much of the object of `bounces --json` is gathered in memory before it goes to a temporary file, in bytes. Our
/// choice: some two thousand bounces.
pub const JSON_IN_MEMORY_BYTES: usize = 1 << 20;

/// Files whose rows are counted as understood or not. Our choice: no operator reads a longer table.
pub const MISREAD_FILES: usize = 200;

/// Bounces that are kept in the ledger at once.
pub const BOUNCE_BATCH: usize = 1_000;

/// Most points of the time line of bounces, one for each hour and provider. Our choice: a year of hours at a dozen
/// providers, a few megabytes.
pub const TIMELINE_POINTS: usize = 100_000;

/// Fewest bounces before and after for a cascade to be seen. Our choice: below that, shares are chance.
pub const CASCADE_BOUNCES: u64 = 10;

/// Longest text of a refusal that is shown or kept, in bytes. Our choice: the longest replies of large providers.
pub const BOUNCE_TEXT_BYTES: usize = 1_000;

/// Most addresses called deliverable that bounced which are listed. Our choice.
pub const SURPRISES: usize = 1_000;

/// How long it takes until real bounces count half in the projection. Our choice: lists decay by a quarter a year and
/// providers change their ways, so what is half a year old is worth half.
pub const CALIBRATION_HALF_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);

// ── What the operator asks to have explained ────────────────────────────────────────────────────────────────────────

/// Most text that is read as one pasted reply, in bytes: as much as a reply may have.
pub const QUOTE_BYTES: usize = REPLY_BYTES;

/// Longest wait that a reply may ask for, in seconds. Our choice: a week; senders give up after five days
/// (RFC 5321 §4.5.4.1).
pub const ASKED_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Narrowest terminal that text is wrapped for, in columns. Our choice.
pub const NARROWEST_COLUMNS: usize = 40;

// ── Preflight: questions to DNS about a sender ──────────────────────────────────────────────────────────────────────

/// Most terms that ask DNS in one evaluation of SPF (RFC 7208 §4.6.4).
pub const SPF_LOOKUPS: u32 = 10;

/// Most of those terms that may find nothing (RFC 7208 §4.6.4).
pub const SPF_VOID_LOOKUPS: u32 = 2;

/// Most mail hosts of one `mx` term, after which SPF gives up (RFC 7208 §4.6.4).
pub const SPF_MAIL_HOSTS: usize = 10;

/// Most reverse names of an address that SPF looks at; the rest are ignored (RFC 7208 §4.6.4).
pub const SPF_REVERSE_NAMES: usize = 10;

/// Time for one whole evaluation of SPF. RFC 7208 §4.6.4 asks for at least 20 seconds.
pub const SPF_WAIT: Duration = Duration::from_secs(20);

/// Most terms followed when a whole SPF policy is drawn, far beyond what any receiver follows. Our choice: enough to
/// show where an overgrown policy spends its look-ups, little enough to end soon on a hostile one.
pub const SPF_TREE_TERMS: u32 = 100;

/// Longest SPF record that DNS carries without trouble, in octets (RFC 7208 §3.4: the answer should fit in 512).
pub const SPF_RECORD_OCTETS: usize = 450;

/// Longest character string of a TXT record, in octets (RFC 1035 §3.3.14).
pub const TXT_STRING_OCTETS: usize = 255;

/// Most of the left of a record shown on the screen, in characters. Our choice: three lines of a terminal.
pub const SHOWN_RECORD_CHARS: usize = 240;

/// Time for one question to DNS. Our choice: longer than any resolver keeps trying for us.
pub const DNS_QUESTION_WAIT: Duration = Duration::from_secs(5);

/// Time for everything that a preflight asks DNS. Our choice: the operator waits for it.
pub const PREFLIGHT_WAIT: Duration = Duration::from_secs(30);

/// Most questions to DNS in one preflight. Our choice: an ordinary one asks about 100.
pub const PREFLIGHT_QUESTIONS: u32 = 1000;

/// Slowest answer of a resolver that does not hold up a run. Our choice: a list of many domains asks thousands.
pub const DNS_SLOW: Duration = Duration::from_millis(500);

/// Most addresses, selectors or hosts of one kind that a preflight looks at. Our choice: more belong in a loop.
pub const PREFLIGHT_SUBJECTS: usize = 32;

/// Most recipients of DMARC reports that are looked at. Our choice: RFC 7489 §6.2 asks for two.
pub const DMARC_REPORT_ADDRESSES: usize = 10;

/// Age below which receivers distrust a domain. Our choice, on the long side: filters look at the first month or two.
pub const YOUNG_DOMAIN: Duration = Duration::from_secs(60 * 24 * 3600);

/// Longest public key of a DKIM record that is read, in bytes once decoded. Our choice: RSA with 16384 bits is 2 kB.
pub const DKIM_KEY_BYTES: usize = 8 << 10;

/// Shortest RSA key that receivers accept, in bits (RFC 8301 §3.2).
pub const DKIM_RSA_BITS: usize = 1024;

/// Length of RSA key that signers should use, in bits (RFC 8301 §3.2).
pub const DKIM_RSA_BITS_ADVISED: usize = 2048;

// ── Preflight: this machine ─────────────────────────────────────────────────────────────────────────────────────────

/// Time to establish a connection when only asking whether port 25 is open. Our choice: an answer in three seconds.
pub const PORT_25_WAIT: Duration = Duration::from_secs(3);

/// Time for the greeting of a host when only looking at it; longer than the pause of postscreen (6 s).
pub const PORT_25_GREETING_WAIT: Duration = Duration::from_secs(8);

/// Most hosts dialled to find out whether port 25 is open. Our choice: two say it, a third in case one is down.
pub const PORT_25_HOSTS: usize = 3;

/// Most domains tried that are named in one line; the rest are counted. Our choice.
pub const PORT_25_NAMED: usize = 6;

/// Time in which a middlebox that accepts every connection has accepted one to an unassigned address. Our choice: it
/// sits nearer than any mail host, and real networks say nothing at all.
pub const NOBODY_WAIT: Duration = Duration::from_secs(1);

/// Time for everything that DNS is asked before a run. Our choice: the operator waits for it.
pub const START_WAIT: Duration = Duration::from_secs(5);

/// Time for the greeting of a host before a run. Our choice: a host that makes us wait longer can be reached all the
/// same, and that is the question.
pub const START_GREETING_WAIT: Duration = Duration::from_secs(2);

/// How long the first hosts are waited for before others are tried as well. Our choice: a connection round the world
/// stands in a third of that.
pub const START_HEAD_START: Duration = Duration::from_secs(1);

/// Events of a run that wait for their caller, when the program is a library. Our choice: enough to keep the thread
/// busy.
pub const EVENTS_AHEAD: usize = 64;

/// Hosts of the list that are tried first before a run. Our choice: one may be down.
pub const START_HOSTS_FIRST: usize = 2;

/// Most hosts of the list that are tried before it is said that none can be reached. Our choice: a list has dead ones,
/// but not that many at its head.
pub const START_HOSTS: usize = 32;

/// Most rows read before a run to find domains whose hosts are tried. Our choice: read in a few milliseconds.
pub const START_ROWS: u64 = 5_000;

/// How long it is believed that this machine can ask. Our choice: less than a working session in one place.
pub const START_LIFETIME: Duration = Duration::from_secs(3600);

/// Fewest files that may be open at once for a run not to starve. Our choice: 256 questions to DNS with three sockets
/// each (measured with hickory-resolver) and as many connections.
pub const OPEN_FILES: u64 = 1024;

/// How far our clock may be off that of a mail host. Our choice: theirs are kept to the second, ours need not be.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// How far our clock may be off the making of a zone that is renewed every few minutes. Our choice: caches keep it for a
/// quarter of an hour, and its registry may be late.
pub const CLOCK_ZONE_TOLERANCE: Duration = Duration::from_secs(24 * 3600);

// ── Preflight: warming up ───────────────────────────────────────────────────────────────────────────────────────────

/// Messages on the first day of a new domain. Our choice, on the low side of what senders' platforms advise (50 to 100).
pub const WARM_UP_START: u64 = 50;

/// Growth from day to day while warming up, in percent. Our choice: doubling every two days is the usual advice.
pub const WARM_UP_GROWTH_PERCENT: u64 = 40;

/// Most messages a day that a plan is made for. Our choice: beyond it a plan of ours is no help.
pub const WARM_UP_VOLUME: u64 = 100_000_000;

/// Most domains of a list that are counted one by one; the rest are counted together. Our choice: about 8 MB.
pub const AUDIENCE_DOMAINS: usize = 100_000;

/// Most domains of a list whose mail hosts are looked up, the largest first. Our choice: the largest few hundred say
/// where a list goes, and a good neighbour asks no more for a plan.
pub const AUDIENCE_LOOKUPS: usize = 300;

/// Most providers with a column of their own in a plan. Our choice: a screen of 80 columns has room for them.
pub const AUDIENCE_COLUMNS: usize = 4;

/// The largest list of throw-away domains that is taken, in bytes. The largest public ones have about 4 MB.
pub const MAINTAINED_LIST_BYTES: u64 = 32_000_000;

/// Those of the server.
#[cfg(feature = "serve")]
mod served {
    use std::time::Duration;

    /// Most addresses that one request to check may name. Our choice: what a form or a CRM asks about at once; more is a list.
    pub const SERVED_CHECKS: usize = 100;

    /// Largest body of a request that is no list, in bytes. Our choice: a message that came back is the largest of them.
    pub const SERVED_BODY_BYTES: usize = 4 << 20;

    /// Largest list that the server takes unless it is told otherwise, in bytes. Our choice: some 40 million rows.
    pub const SERVED_LIST_BYTES: u64 = 4 << 30;

    /// Most lists that the server keeps at a time unless it is told otherwise. Our choice.
    pub const SERVED_LISTS: usize = 1_000;

    /// Most addresses that an estimate asks about. As `presend estimate` does.
    pub const SERVED_SAMPLE: u64 = 400;

    /// How often a client that watches a list is told at most. Our choice: a person sees no more.
    pub const SERVED_PICTURES: Duration = Duration::from_millis(200);

    /// How long a client may take to say what it wants, and to take or send the next piece of a body. Our choice.
    pub const SERVED_PATIENCE: Duration = Duration::from_secs(30);

    /// Most connections at a time; further ones wait. Our choice: a thousand slow clients leave room for the others.
    pub const SERVED_CONNECTIONS: usize = 4_000;

    /// Most characters of a list's name that are kept. Our choice: file systems take 255 bytes.
    pub const SERVED_NAME_CHARACTERS: usize = 200;

    /// How much of a body is held before it is written to disk or was read from it, in bytes. Our choice.
    pub const SERVED_PIECE_BYTES: usize = 256 << 10;

    /// How often the server says on a quiet stream of events that it is there. Our choice: proxies cut streams off that are
    /// quiet for a minute.
    pub const SERVED_KEEP_ALIVE: Duration = Duration::from_secs(15);

    /// Longest text that may name an address in a request to check, in bytes. Our choice: a name and an address of full
    /// length beside it.
    pub const SERVED_TEXT_BYTES: usize = 1_000;

    /// How long a look at a domain may take before its asker is told that there is no answer. Our choice.
    pub const SERVED_PREFLIGHT: Duration = Duration::from_secs(60);

    /// Rows of a list that a preview shows.
    pub const PREVIEW_ROWS: usize = 20;

    /// Most characters of a cell that a preview shows.
    pub const PREVIEW_CELL_CHARACTERS: usize = 500;

    /// How long answers under way have to end well when the server ends. Our choice.
    pub const SERVED_FAREWELL: Duration = Duration::from_secs(5);

    /// Largest head of a request, in bytes. Our choice: cookies and tokens have room.
    pub const SERVED_HEADER_BYTES: usize = 64 << 10;

    /// How often it is looked for lists whose time to be kept is over. Our choice.
    pub const SERVED_SWEEP: Duration = Duration::from_secs(60);

    /// Most clients whose pace is kept at a time; those that have been quiet make room. Our choice: a few megabytes.
    pub const SERVED_CLIENTS: usize = 50_000;

    /// Requests a second that one client may make unless the server is told otherwise. Our choice: a form on a busy site
    /// needs tens.
    pub const SERVED_REQUESTS: u32 = 500;

    /// Most lists that are received at a time. Our choice: each needs a piece of memory and the disk.
    pub const SERVED_UPLOADS: usize = 32;

    /// Most requests to check that wait for their answers at a time. Our choice.
    pub const SERVED_WAITING_CHECKS: usize = 1_000;

    /// Most lists that are looked at before any host is asked, at a time. Our choice: each is read whole.
    pub const SERVED_PREVIEWS: usize = 4;

    /// Most checks without a whole answer whose place to ask again is kept. Our choice: the oldest goes first.
    pub const SERVED_OPEN_CHECKS: usize = 10_000;

    /// Most bytes of their addresses. Our choice.
    pub const SERVED_OPEN_BYTES: usize = 16 << 20;

    /// How long such a place is kept. Our choice: longer than most hosts keep an unknown client waiting; what was
    /// learned is known after that as well.
    pub const SERVED_OPEN_CHECK: Duration = Duration::from_secs(4 * 3_600);

    /// How long a list is asked about before it makes room for another one that waits. Our choice: so long waits a short
    /// list for a long one, and it is longer than most hosts keep an unknown client waiting, and than we leave
    /// alone those who do not answer.
    pub const SERVED_TURN: Duration = Duration::from_secs(600);

    /// Most preflights under way at a time. Our choice: each asks some hundred questions of DNS.
    pub const SERVED_PREFLIGHTS: usize = 16;

    /// Most people who are signed in on the page at a time. Our choice.
    pub const SERVED_SESSIONS: usize = 1_000;

    /// How long a user stays signed in. Our choice: a working day.
    pub const SERVED_SESSION: Duration = Duration::from_secs(12 * 3_600);

    /// Most rows of a list that one answer tells. Our choice: what a page shows at a time.
    pub const SERVED_ROWS: usize = 500;

    /// Most rows that are picked at a time to be asked about again. Our choice: their addresses are held in memory.
    pub const SERVED_AGAIN: usize = 100_000;

    /// Most entries of the suppression list that one answer tells. Our choice.
    pub const SERVED_ENTRIES: usize = 1_000;

    /// Most rows that a list sent to the server may have unless it is told otherwise. Our choice.
    pub const SERVED_LIST_ROWS: u64 = 50_000_000;

    // ── Many machines ───────────────────────────────────────────────────────────────────────────────────────────────────
}

#[cfg(feature = "serve")]
pub use served::*;

/// Partitions that orders are spread over unless it is told otherwise. Our choice: fifty machines have one each at least,
/// and a worker looks into all of its partitions every time.
pub const ENGINE_PARTITIONS: u16 = 64;

/// Most partitions. Our choice: each is a reader that the engine's servers keep, and a lease that is written every few
/// seconds.
pub const ENGINE_PARTITIONS_MOST: u16 = 4_096;

/// Most addresses of an order. Our choice: a few transactions' worth, and far below the megabyte that NATS takes for a
/// message.
pub const ENGINE_ORDER_ADDRESSES: usize = 200;

/// Longest name of a run, in bytes: it is part of subjects and message ids.
pub const ENGINE_RUN_NAME: usize = 40;

/// How long an order, or answers, may be in a client's hands without a word before others are given them. Our choice:
/// twice the time of a lease, so that a partition has changed hands before its orders come again.
pub const ENGINE_ACK_WAIT: Duration = Duration::from_secs(30);

/// How long a message is remembered so that the same one is not kept twice. What JetStream does by default.
pub const ENGINE_SAME_MESSAGE: Duration = Duration::from_secs(120);

/// How long the engine may take for an answer. Our choice: some round trips around the world and a disk that is busy,
/// and less than a lease.
pub const ENGINE_REPLY: Duration = Duration::from_secs(5);

/// How long answers are kept unless it is told otherwise. Our choice: a coordinator may be away for a weekend.
#[cfg(feature = "engine")]
pub const ENGINE_KEEP: Duration = Duration::from_secs(7 * 86_400);

/// After which time without a change the entry of a run is forgotten that nobody has ended. Our choice: longer than any
/// list is asked about.
#[cfg(feature = "engine")]
pub const ENGINE_FORGETS_RUN: Duration = Duration::from_secs(90 * 86_400);

/// Most messages of one reader that are handed out and not acknowledged, those given back for later included. Our
/// choice: all the orders of a partition, each of which may wait for a greylist.
#[cfg(feature = "engine")]
pub const ENGINE_UNACKNOWLEDGED: usize = 65_536;

/// Requests that are under way at once where many of one kind are made. Our choice.
#[cfg(feature = "engine")]
pub const ENGINE_REQUESTS: usize = 32;

/// Longest prefix of what is kept in the engine, in bytes. Our choice: names of streams are names of folders.
#[cfg(feature = "engine")]
pub const ENGINE_PREFIX: usize = 32;

/// How long a worker may ask what falls into a partition after it has written the lease. Our choice: a machine that
/// stops is replaced within 20 seconds.
pub const ENGINE_LEASE: Duration = Duration::from_secs(15);

/// Most changes of a table that are read at a time. Our choice.
#[cfg(feature = "engine")]
pub const ENGINE_WATCH_BATCH: usize = 512;

/// How long tables are not watched after the server that keeps the reader did not answer. Our choice: it is away for a
/// minute, or for good.
#[cfg(feature = "engine")]
pub const ENGINE_WATCH_RESTS: Duration = Duration::from_secs(60);

/// After how long without a look the reader of a table is forgotten. Our choice: many looks.
#[cfg(feature = "engine")]
pub const ENGINE_WATCHER_FORGOTTEN: Duration = Duration::from_secs(120);

/// How long after it was written a lease is written anew. Our choice: two writings may fail.
pub const ENGINE_LEASE_RENEWAL: Duration = Duration::from_secs(5);

/// Calls to the engine that may be lost of those made at once, before it is taken to be away. Our choice.
pub const ENGINE_CALLS_LOST: usize = 3;

/// How long the engine may take to write a lease before it is written again. Our choice: some round trips around the world,
/// so that three writings may fail before a lease runs out.
pub const ENGINE_LEASE_CALL: Duration = Duration::from_secs(2);

/// How long another's lease must have stayed the same before it is taken. Our choice: a lease, and a second for clocks
/// that run at different speeds and for commands that are on their way.
pub const ENGINE_LEASE_LAPSES: Duration = Duration::from_secs(16);

/// How often a worker looks at the tables, and a coordinator. Our choice.
pub const ENGINE_LOOK: Duration = Duration::from_secs(2);

/// After which time without a sign of life a worker's entry is removed. Our choice.
pub const ENGINE_FORGETS_WORKER: Duration = Duration::from_secs(3_600);

/// How often a worker looks for orders where there were none. Our choice.
pub const ENGINE_PULL_WAIT: Duration = Duration::from_millis(500);

/// Most orders that a worker takes out of a partition at a time. Our choice.
pub const ENGINE_PULL: usize = 32;

/// Most addresses in a worker's hands. Our choice: some minutes' work at hosts that limit us, and what waits for a host
/// waits at the engine.
pub const ENGINE_IN_HAND: usize = 20_000;

/// How often it is said of orders in hand that they are being worked on.
pub const ENGINE_SIGN_OF_WORK: Duration = Duration::from_secs(10);

/// How long a connection lasts that has brought nothing yet before the other workers are told of it. Our choice.
pub const ENGINE_TELLS_OF_VAIN: Duration = Duration::from_secs(1);

/// How long it is waited before a call to the engine that failed is made again. Our choice.
pub const ENGINE_RETRY: Duration = Duration::from_secs(1);

/// How long what is learned is collected before it is sent. Our choice.
pub const ENGINE_COLLECT: Duration = Duration::from_millis(100);

/// Most addresses of a run that are ordered and not done. Our choice: work for fifty machines, at most 400 bytes each.
pub const ENGINE_OPEN_ADDRESSES: usize = 500_000;

/// Most addresses that are collected by domain before the largest orders go out. Our choice.
pub const ENGINE_GATHERED: usize = 50_000;

/// Most answers that a coordinator takes at a time. Our choice.
pub const ENGINE_ANSWERS: usize = 512;

/// The last answers of a run that a coordinator knows again. Our choice: far more than come again at a time.
pub const ENGINE_ANSWERS_REMEMBERED: usize = 50_000;

/// Most messages that are on their way to the engine at a time. Our choice: enough for its round trip not to count.
pub const ENGINE_PUBLISHED_AT_ONCE: usize = 256;

/// How long an order that we cannot read is left to others before it comes again. Our choice.
pub const ENGINE_OTHERS_WAIT: Duration = Duration::from_secs(60);

/// Addresses that wait for longer than this go back to the engine. Our choice: a message for each is worth it, and no
/// worker's end costs them their place in a greylist's memory.
pub const ENGINE_HOLDS: Duration = Duration::from_secs(60);

/// How long no other address of ours asks a host that has blocked one. Our choice: what large operators hold against an
/// address they forget within the hour.
pub const ENGINE_BLOCK_REST: Duration = Duration::from_secs(3_600);

/// Most orders in a worker's hands. Our choice: a sign of work for each, every few seconds, is nothing to the engine.
pub const ENGINE_ORDERS_IN_HAND: usize = 4_000;

/// How often a coordinator tries what it must do before and after its asking, where that fails in a way that may pass. Our
/// choice: about half a minute with an engine that does not answer.
pub const ENGINE_TRIES: u32 = 5;

/// Addresses that an order is held to have before any was seen. Our choice.
pub const ENGINE_USUAL_ORDER: usize = 50;

/// Most times of [`ENGINE_LOOK`] after which an order is looked at again whose host is being asked for another run. Our
/// choice: half a minute, so that thousands of them are no load.
pub const ENGINE_BUSY_LOOKS: u64 = 15;

/// Answers that a coordinator takes in before it waits for the ledger to keep them, where it hears what was learned while
/// it was away. Our choice: far fewer than an engine hands out unacknowledged.
pub const ENGINE_ANSWERS_DRAINED: usize = 8_192;
