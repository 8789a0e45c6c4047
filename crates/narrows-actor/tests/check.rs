//! Actors under the checker's schedules (`--cfg narrows_check`). Without the cfg the bodies run once, on threads of the system.

use std::time::Duration;

use narrows::check::{Checker, thread};
use narrows_actor::{Actor, Addr, AskError, Cx, Flow, Reply, System, scope};

/// Never passes, so that no schedule has it pass.
const EVER: Duration = Duration::MAX;

fn holds(body: impl Fn() + Send + Sync + 'static) {
    Checker::new().schedules(300).run(body);
}

/// Finds the bug with several seeds, has it come again, and says how many schedules that took.
#[cfg(narrows_check)]
fn is_found(name: &str, says: &str, program: fn()) {
    for (kind, checker) in [("random", Checker::new().random()), ("PCT of depth 3", Checker::new().pct(3))] {
        let find = |seed| {
            let found = checker.clone().schedules(2000).seed(seed).find(program);
            let found = found.unwrap_or_else(|| panic!("{name}: not found by {kind}"));
            assert!(found.message().contains(says), "{found}");
            let again = Checker::new().replay(found.schedule()).find(program).expect("it fails again");
            assert_eq!((again.message(), again.schedule()), (found.message(), found.schedule()));
            found.schedules()
        };
        let mut took: Vec<usize> = (1..8).map(find).collect();
        took.sort_unstable();
        println!("{name}, {kind}: median {}, most {}", took[took.len() / 2], took[took.len() - 1]);
    }
}

struct Player(Option<Addr<Play>>);

enum Play {
    With(Addr<Play>),
    Ball(u32),
}

impl Actor for Player {
    type Msg = Play;

    fn handle(&mut self, message: Play, _: &Cx<Play>) -> Flow {
        match (message, &self.0) {
            (Play::With(other), _) => self.0 = Some(other),
            // At the end nobody takes it, which is as it should be.
            (Play::Ball(left @ 1..), Some(other)) => drop(other.tell(Play::Ball(left - 1))),
            (Play::Ball(_), _) => {}
        }
        Flow::Next
    }
}

/// Two that tell each other what they are told.
fn play(is_bounded: bool) {
    let system = System::new();
    let player = |name| {
        let player = system.build(|| Player(None)).name(name);
        if is_bounded { player.capacity(1).start() } else { player.unbounded().start() }
    };
    let [left, right] = [player("left"), player("right")];
    left.tell(Play::With(right.clone())).unwrap();
    right.tell(Play::With(left.clone())).unwrap();
    for _ in 0..6 {
        left.tell(Play::Ball(3)).unwrap();
    }
}

#[cfg(narrows_check)]
#[test]
fn cyclic_mailboxes_are_found() {
    is_found("cyclic mailboxes of actors", "deadlock", || play(true));
}

#[test]
fn mailboxes_that_take_all_are_no_cycle() {
    holds(|| play(false));
}

#[derive(Default)]
struct Account(u32);

enum Request {
    Get(Reply<u32>),
    #[cfg_attr(not(narrows_check), allow(dead_code))]
    Set(u32),
    Add(u32),
    Fail,
}

impl Actor for Account {
    type Msg = Request;

    fn handle(&mut self, message: Request, _: &Cx<Request>) -> Flow {
        match message {
            Request::Get(reply) => reply.send(self.0),
            Request::Set(balance) => self.0 = balance,
            Request::Add(more) => self.0 += more,
            Request::Fail => return Flow::fail("the bank is closed"),
        }
        Flow::Next
    }
}

fn two_deposit(deposit: fn(&Addr<Request>)) {
    let balance = scope(|system| {
        let account = system.actor(1, Account::default);
        let customers = [account.clone(), account.clone()].map(|account| thread::spawn(move || deposit(&account)));
        for customer in customers {
            customer.join().unwrap();
        }
        account.ask(Request::Get, EVER).unwrap()
    });
    assert_eq!(balance.unwrap(), 2, "a deposit is lost");
}

#[cfg(narrows_check)]
#[test]
fn a_lost_update_is_found() {
    is_found("lost update of an actor", "a deposit is lost", || {
        two_deposit(|account| {
            let balance = account.ask(Request::Get, EVER).unwrap();
            account.tell(Request::Set(balance + 1)).unwrap();
        });
    });
}

#[test]
fn one_message_that_says_what_to_do_loses_no_update() {
    holds(|| two_deposit(|account| account.tell(Request::Add(1)).unwrap()));
}

#[test]
fn what_a_life_did_not_handle_the_next_one_does() {
    holds(|| {
        let system = System::new();
        let account = system.actor(1, Account::default);
        let teller = {
            let account = account.clone();
            thread::spawn(move || {
                account.tell(Request::Fail).unwrap();
                account.tell(Request::Add(1)).unwrap();
            })
        };
        teller.join().unwrap();
        assert_eq!(account.ask(Request::Get, EVER).unwrap(), 1);
    });
}

struct Asker(Option<Addr<Question>>);

enum Question {
    Of(Addr<Question>),
    Ask(Reply<bool>),
}

impl Actor for Asker {
    type Msg = Question;

    fn handle(&mut self, message: Question, _: &Cx<Question>) -> Flow {
        match (message, &self.0) {
            (Question::Of(other), _) => self.0 = Some(other),
            (Question::Ask(reply), None) => reply.send(false),
            (Question::Ask(reply), Some(other)) => {
                let answered = other.ask(Question::Ask, EVER);
                reply.send(matches!(answered, Err(AskError::Cycle(_)) | Ok(true)));
            }
        }
        Flow::Next
    }
}

#[test]
fn a_cycle_of_questions_is_told_and_hangs_nobody() {
    holds(|| {
        let system = System::new();
        let [left, right] = [(); 2].map(|()| system.actor(2, || Asker(None)));
        left.tell(Question::Of(right.clone())).unwrap();
        right.tell(Question::Of(left.clone())).unwrap();
        let other = thread::spawn(move || right.ask(Question::Ask, EVER));
        let answers = [left.ask(Question::Ask, EVER), other.join().unwrap()];
        assert!(answers.iter().any(|answer| matches!(answer, Ok(true))), "{answers:?}");
    });
}
