//! What events and exports of sending platforms come to: what each platform's documentation says, and no more.

use presend::bounce::import::Kind;

use crate::happening::Fate::{Stays, Suppressed};
use crate::happening::{ROSA, Wanted, check, disagreement, wanted};

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn platforms_say_what_their_documentation_says() {
    use Kind::{Bounce, Complaint, Delayed, Delivered, Other, Unsubscribed};
    let known = Kind::Suppressed;
    let dead = &["no_such_mailbox"][..];
    let none = &["-"][..];
    let refused = &["sender_refused", "sender_blocked"][..];
    let cases: Vec<(&str, &str, &str, Vec<Wanted>)> = vec![
        (
            "Mailgun gave up",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"old","recipient":"rosa@garden.example","delivery-status":{"code":602,"message":"Too old"}}"#,
            vec![wanted(Bounce, ROSA, &["expired"], Stays)],
        ),
        (
            "Mailgun knows an unsubscription",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"suppress-unsubscribe","recipient":"rosa@garden.example","delivery-status":{"code":606,"description":"Not delivering to unsubscribed address"}}"#,
            vec![wanted(Unsubscribed, ROSA, none, Stays)],
        ),
        (
            "Mailgun knows a bounce",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"suppress-bounce","recipient":"rosa@garden.example","delivery-status":{"code":605,"description":"Not delivering to previously bounced address"}}"#,
            vec![wanted(known, ROSA, &["suppressed"], Suppressed)],
        ),
        (
            "Mailgun found no mail host",
            "e.jsonl",
            r#"{"event":"failed","severity":"permanent","reason":"generic","recipient":"rosa@garden.example","delivery-status":{"code":498,"message":"No MX for garden.example"}}"#,
            vec![wanted(Bounce, ROSA, &["no_mail_host"], Suppressed)],
        ),
        (
            "Mailgun calls a policy permanent",
            "e.json",
            r#"[{"event":"failed","severity":"permanent","reason":"bounce","recipient":"rosa@orange.fr","delivery-status":{"code":550,"message":"5.2.0 Mail rejete. Mail rejected. ofr_506 [506]"}},{"event":"failed","severity":"permanent","reason":"bounce","recipient":"udo@orange.fr","delivery-status":{"code":554,"message":"5.7.1 Rejected"}}]"#,
            vec![
                wanted(Bounce, "rosa@orange.fr", refused, Stays),
                wanted(Bounce, "udo@orange.fr", refused, Stays),
            ],
        ),
        (
            "Mailgun with the host's words",
            "e.json",
            r#"{"event":"failed","severity":"permanent","reason":"bounce","recipient":"rosa@garden.example","delivery-status":{"code":550,"message":"5.1.1 The account does not exist"}}"#,
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "Mandrill takes an address off its list",
            "e.json",
            r#"[{"type":"blacklist","action":"remove","reject":{"reason":"hard-bounce","email":"rosa@garden.example"}}]"#,
            vec![wanted(Other, "-", none, Stays)],
        ),
        (
            "Mandrill puts addresses on its list",
            "e.json",
            r#"[{"type":"blacklist","action":"add","reject":{"reason":"hard-bounce","email":"rosa@garden.example"}},{"type":"blacklist","action":"add","reject":{"reason":"custom","email":"udo@garden.example"}},{"type":"blacklist","action":"add","reject":{"reason":"unsub","email":"ida@garden.example"}}]"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Other, "udo@garden.example", none, Stays),
                wanted(Unsubscribed, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SES knows the address",
            "e.jsonl",
            r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList","bouncedRecipients":[{"emailAddress":"rosa@garden.example","action":"failed","status":"5.1.1","diagnosticCode":"Amazon SES did not send the message to this address because it is on the suppression list for your account."}]},"mail":{"source":"news@shop.example"}}"#,
            vec![wanted(known, ROSA, &["suppressed"], Suppressed)],
        ),
        (
            "SES passes on that it is no spam",
            "e.jsonl",
            r#"{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"not-spam","complainedRecipients":[{"emailAddress":"rosa@garden.example"}]},"mail":{}}"#,
            vec![wanted(Other, ROSA, none, Stays)],
        ),
        (
            "SES with a name around the address",
            "e.jsonl",
            r#"{"notificationType":"Bounce","bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"\"Rosa L.\" <rosa@garden.example>","status":"5.2.2","diagnosticCode":"smtp; 552 5.2.2 over quota"}]},"mail":{}}"#,
            vec![wanted(Bounce, ROSA, &["mailbox_full"], Stays)],
        ),
        (
            "the suppression list of SES",
            "e.json",
            r#"{"SuppressedDestinationSummaries":[{"EmailAddress":"rosa@garden.example","Reason":"BOUNCE","LastUpdateTime":"2026-02-03T09:10:00+00:00"},{"EmailAddress":"udo@garden.example","Reason":"COMPLAINT","LastUpdateTime":"2026-02-03T09:10:00+00:00"}],"NextToken":"x"}"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Complaint, "udo@garden.example", none, Suppressed),
            ],
        ),
        (
            "SendGrid dropped what bounced, and what not",
            "e.json",
            r#"[{"email":"rosa@garden.example","event":"dropped","reason":"Bounced Address"},{"email":"udo@garden.example","event":"dropped","reason":"Unsubscribed Address"},{"email":"ida@garden.example","event":"dropped","reason":"Recipient List over Package Quota"}]"#,
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(Other, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SendGrid says that a domain has no mail",
            "b.csv",
            "status,reason,email,created\n,unable to get mx info: failed to get IPs from PTR record: lookup <nil>: unrecognized address,rosa@garden.example,1772529002\n,Mail domain mentioned in email address has no mail servers,udo@meadow.example,1772529005\n",
            vec![
                wanted(Bounce, ROSA, &["no_mail_host", "null_mx"], Suppressed),
                wanted(
                    Bounce,
                    "udo@meadow.example",
                    &["no_mail_host", "null_mx"],
                    Suppressed,
                ),
            ],
        ),
        (
            "Postmark knows the address",
            "e.json",
            r#"[{"ErrorCode":406,"Message":"You tried to send to a recipient that has been marked as inactive.","To":"rosa@garden.example"},{"RecordType":"Bounce","Type":"SpamNotification","TypeCode":512,"Email":"udo@garden.example","Description":"The message was delivered, but was either blocked by the user, or classified as spam"},{"RecordType":"Bounce","Type":"ManuallyDeactivated","TypeCode":1000,"Email":"ida@garden.example"}]"#,
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(Other, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "SparkPost's classes",
            "e.json",
            r#"[{"type":"bounce","bounce_class":"90","rcpt_to":"rosa@garden.example","raw_reason":"unsubscribe"},{"type":"policy_rejection","bounce_class":"25","rcpt_to":"udo@garden.example","raw_reason":"554 5.7.1 recipient address suppressed due to customer policy"},{"type":"bounce","bounce_class":"10","rcpt_to":"ida@garden.example","raw_reason":"550 xyzzy"}]"#,
            vec![
                wanted(Unsubscribed, ROSA, none, Stays),
                wanted(known, "udo@garden.example", &["suppressed"], Suppressed),
                wanted(Bounce, "ida@garden.example", dead, Suppressed),
            ],
        ),
        (
            "Mailjet blames content and policy",
            "e.json",
            r#"[{"event":"bounce","email":"rosa@garden.example","hard_bounce":false,"error_related_to":"spam","error":"content blocked"},{"event":"bounce","email":"udo@garden.example","hard_bounce":true,"error_related_to":"content","error":"sender blocked"},{"event":"blocked","email":"ida@garden.example","error_related_to":"mailjet","error":"preblocked"}]"#,
            vec![
                wanted(Bounce, ROSA, refused, Stays),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(known, "ida@garden.example", &["suppressed"], Suppressed),
            ],
        ),
        (
            "ActiveCampaign calls everything hard",
            "b.csv",
            "Email,Date,Code,Type,Description\nrosa@garden.example,2026-03-03 09:10:00,5.4.1,Hard,No answer from host\nudo@garden.example,2026-03-03 09:10:00,5.4.7,Hard,Delivery time expired\nida@garden.example,2026-03-03 09:10:00,5.1.5,Hard,Destination mailbox address valid\nkai@garden.example,2026-03-03 09:10:00,9.1.1,Hard,Hard bounce with no bounce code found: such as from a sending limit\nlea@garden.example,2026-03-03 09:10:00,5.1.1,Hard,Bad destination mailbox address\n",
            vec![
                wanted(Bounce, ROSA, &["unreachable"], Stays),
                wanted(Bounce, "udo@garden.example", &["expired"], Stays),
                wanted(Bounce, "ida@garden.example", &["unread"], Stays),
                wanted(Bounce, "kai@garden.example", &["unread"], Stays),
                wanted(Bounce, "lea@garden.example", dead, Suppressed),
            ],
        ),
        (
            "Postal's webhooks",
            "e.jsonl",
            "{\"event\":\"MessageBounced\",\"payload\":{\"original_message\":{\"id\":1,\"message_id\":\"a@shop.example\",\"to\":\"rosa@garden.example\",\"from\":\"news@shop.example\"},\"bounce\":{\"id\":2,\"to\":\"x@psrp.shop.example\",\"from\":\"MAILER-DAEMON@mx.garden.example\",\"message_id\":\"b@mta\"}},\"uuid\":\"1\"}\n{\"event\":\"MessageDeliveryFailed\",\"payload\":{\"status\":\"HardFail\",\"details\":\"Permanent SMTP delivery error\",\"output\":\"550 5.1.1 <udo@garden.example>: User unknown\",\"message\":{\"id\":3,\"to\":\"udo@garden.example\",\"from\":\"news@shop.example\"}},\"uuid\":\"2\"}\n{\"event\":\"MessageDelayed\",\"payload\":{\"status\":\"SoftFail\",\"output\":\"450 4.2.0 greylisted\",\"message\":{\"id\":4,\"to\":\"ida@garden.example\"}},\"uuid\":\"3\"}\n{\"event\":\"MessageHeld\",\"payload\":{\"status\":\"Held\",\"details\":\"Recipient (kai@garden.example) is on the suppression list\",\"message\":{\"id\":5,\"to\":\"kai@garden.example\"}},\"uuid\":\"4\"}\n",
            vec![
                wanted(Bounce, ROSA, none, Stays),
                wanted(Bounce, "udo@garden.example", dead, Suppressed),
                wanted(Delayed, "ida@garden.example", &["greylisted"], Stays),
                wanted(known, "kai@garden.example", &["suppressed"], Suppressed),
            ],
        ),
        (
            "HubSpot's export",
            "b.csv",
            "Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce\nrosa@garden.example,TRUE,,,\nudo@garden.example,,TRUE,,\nida@garden.example,,,TRUE,\n",
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(Complaint, "ida@garden.example", none, Suppressed),
            ],
        ),
        (
            "Mailchimp's cleaned contacts",
            "b.csv",
            "Email Address,First Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nrosa@garden.example,Rosa,2026-02-03 09:10:11,Seeds\n",
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "Brevo's log, of which no public page says what its words mean",
            "b.csv",
            "st_text,ts,sub,frm,email\nHard bounce,2026-03-02 06:00:00,Seeds,news@shop.example,rosa@garden.example\nBlocked,2026-03-02 06:00:00,Seeds,news@shop.example,udo@garden.example\nDelivered,2026-03-02 06:00:00,Seeds,news@shop.example,ida@garden.example\n",
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(known, "udo@garden.example", none, Stays),
                wanted(Delivered, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "Brevo blocks those on its list, for whatever reason",
            "e.json",
            r#"[{"event":"blocked","email":"rosa@garden.example","ts_event":1772529002,"reason":"blocked : due to blacklist user"},{"event":"hard_bounce","email":"udo@garden.example","ts_event":1772529002,"reason":"550 5.1.1 user unknown"},{"event":"invalid_email","email":"ida@garden.example","ts_event":1772529002}]"#,
            vec![
                wanted(known, ROSA, none, Stays),
                wanted(Bounce, "udo@garden.example", dead, Suppressed),
                wanted(Bounce, "ida@garden.example", &["unread"], Stays),
            ],
        ),
        (
            "Brevo's list of blocked contacts says why",
            "e.json",
            r#"{"contacts":[{"email":"rosa@garden.example","senderEmail":"news@shop.example","blockedAt":"2026-03-02T06:00:00Z","reason":{"code":"hardBounce","message":"Hard bounced"}},{"email":"udo@garden.example","senderEmail":"news@shop.example","blockedAt":"2026-03-02T06:00:00Z","reason":{"code":"unsubscribedViaEmail","message":"Unsubscribed via email"}},{"email":"ida@garden.example","senderEmail":"news@shop.example","blockedAt":"2026-03-02T06:00:00Z","reason":{"code":"adminBlocked","message":"Admin blocked"}},{"email":"kai@garden.example","senderEmail":"news@shop.example","blockedAt":"2026-03-02T06:00:00Z","reason":{"code":"contactFlaggedAsSpam","message":"Contact flagged as spam"}}],"count":4}"#,
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(known, "ida@garden.example", none, Stays),
                wanted(Complaint, "kai@garden.example", none, Suppressed),
            ],
        ),
        (
            "Elastic Email's categories",
            "e.json",
            r#"[{"to":"rosa@garden.example","status":"Error","category":"NoMailbox","transaction":"1"},{"to":"udo@garden.example","status":"Error","category":"Spam","transaction":"2"},{"to":"ida@garden.example","status":"Error","category":"Throttled","transaction":"3"},{"to":"kai@garden.example","status":"Error","category":"SPFProblem","transaction":"4"},{"to":"lea@garden.example","status":"Error","category":"AccountProblem","transaction":"5"}]"#,
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Bounce, "udo@garden.example", refused, Stays),
                wanted(Bounce, "ida@garden.example", &["rate_limited"], Stays),
                wanted(
                    Bounce,
                    "kai@garden.example",
                    &["sender_unauthenticated"],
                    Stays,
                ),
                wanted(
                    Bounce,
                    "lea@garden.example",
                    &["mailbox_disabled", "mailbox_full"],
                    Stays,
                ),
            ],
        ),
        (
            "Elastic Email's suppressed are also those that it gave up, or was told not to send",
            "e.json",
            r#"[{"to":"rosa@garden.example","status":"Error","category":"Suppressed","transaction":"1"},{"to":"udo@garden.example","status":"Error","category":"Ignore","transaction":"2"},{"to":"ida@garden.example","status":"AbuseReport","category":"Unknown","transaction":"3"},{"to":"kai@garden.example","status":"Unsubscribed","category":"Unknown","transaction":"4"},{"to":"lea@garden.example","status":"Error","category":"Unknown","transaction":"5"}]"#,
            vec![
                wanted(known, ROSA, none, Stays),
                wanted(known, "udo@garden.example", none, Stays),
                wanted(Complaint, "ida@garden.example", none, Suppressed),
                wanted(Unsubscribed, "kai@garden.example", none, Stays),
                wanted(Bounce, "lea@garden.example", &["unread"], Stays),
            ],
        ),
        (
            "Customer.io drops what goes to suppressed people, whyever they are",
            "e.json",
            r#"[{"metric":"dropped","object_type":"email","data":{"recipient":"rosa@garden.example"}},{"metric":"suppressed","object_type":"email","data":{"recipient":"udo@garden.example"}},{"metric":"bounced","object_type":"email","data":{"recipient":"ida@garden.example","failure_message":"550 5.1.1 user unknown"}},{"metric":"bounced","object_type":"email","data":{"recipient":"kai@garden.example"}}]"#,
            vec![
                wanted(known, ROSA, none, Stays),
                wanted(known, "udo@garden.example", none, Stays),
                wanted(Bounce, "ida@garden.example", dead, Suppressed),
                wanted(Bounce, "kai@garden.example", none, Stays),
            ],
        ),
        (
            "Klaviyo's reasons of suppression",
            "b.csv",
            "Email,Suppression Reason,Suppressed At\nrosa@garden.example,HARD_BOUNCE,2026-03-02\nudo@garden.example,UNSUBSCRIBE,2026-03-02\nida@garden.example,USER_SUPPRESSED,2026-03-02\nkai@garden.example,SPAM_COMPLAINT,2026-03-02\nlea@garden.example,INVALID_EMAIL,2026-03-02\n",
            vec![
                wanted(known, ROSA, &["suppressed"], Suppressed),
                wanted(Unsubscribed, "udo@garden.example", none, Stays),
                wanted(known, "ida@garden.example", none, Stays),
                wanted(Complaint, "kai@garden.example", none, Suppressed),
                wanted(known, "lea@garden.example", none, Stays),
            ],
        ),
        (
            "Klaviyo calls refusals of content bounces too",
            "b.csv",
            "Metric Name,Bounce Type,Email\nBounced Email,Hard,rosa@garden.example\nBounced Email,Soft,udo@garden.example\nDropped Email,,ida@garden.example\n",
            vec![
                wanted(Bounce, ROSA, &["unread"], Stays),
                wanted(
                    Bounce,
                    "udo@garden.example",
                    &["try_later", "unread"],
                    Stays,
                ),
                wanted(known, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "MailerLite tells of bounces of either kind",
            "e.json",
            r#"[{"type":"subscriber.bounced","subscriber":{"email":"rosa@garden.example","status":"bounced"}},{"type":"subscriber.spam_reported","subscriber":{"email":"udo@garden.example"}},{"type":"subscriber.unsubscribed","subscriber":{"email":"ida@garden.example"}}]"#,
            vec![
                wanted(Bounce, ROSA, &["unread"], Stays),
                wanted(Complaint, "udo@garden.example", none, Suppressed),
                wanted(Unsubscribed, "ida@garden.example", none, Stays),
            ],
        ),
        (
            "PowerMTA's accounting file has the sender's addresses too",
            "acct.csv",
            "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat\nb,2026-03-03 09:10:02+0000,news@shop.example,rosa@garden.example,failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 user unknown,bad-mailbox\nd,2026-03-03 09:10:03+0000,news@shop.example,udo@garden.example,relayed,2.0.0 (success),smtp;250 OK,\n",
            vec![
                wanted(Bounce, ROSA, dead, Suppressed),
                wanted(Delivered, "udo@garden.example", none, Stays),
            ],
        ),
        (
            "a column in another language",
            "b.csv",
            "E-Mail-Adresse;Event;Grund\nrosa@garden.example;hard_bounce;\"550 5.1.1 user unknown\"\n",
            vec![wanted(Bounce, ROSA, dead, Suppressed)],
        ),
        (
            "a table whose only addresses are the sender's",
            "b.csv",
            "From,Event,Reason\nnews@shop.example,bounce,550 5.1.1 user unknown\n",
            vec![wanted(Other, "-", none, Stays)],
        ),
    ];
    let mut faults = Vec::new();
    for (name, file, content, all) in &cases {
        check(name, file, content, all, &mut faults);
        disagreement(name, file, content.as_bytes(), &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
