//! The code of an MFA device, asked of the person at the terminal.
//!
//! The prompt goes to standard error, never to standard output: that is client-go's. The answer is read from the terminal
//! itself, since standard input may be the manifest that kubectl applies; where there is no terminal, from standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use crate::get_token::error::MfaFault;
use crate::get_token::{Asking, GetTokenError};

/// The reference's words.
const PROMPT: &str = "Assume Role MFA token code: ";

/// The terminal of this process, whatever its standard streams are.
const TERMINAL: &str = if cfg!(windows) { "CONIN$" } else { "/dev/tty" };

/// How often a person is asked.
const QUESTIONS: usize = 2;

/// A device whose code a role wants.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// Its ARN or number.
    pub(super) serial: String,
    /// ``profile `P` `` or ``role `R` ``.
    pub(super) whose: String,
    /// The command that asks for a code, in a terminal.
    pub(super) command: String,
}

/// Whoever may be asked for a code.
#[derive(Clone, Copy)]
pub(super) struct Person<'f> {
    pub(super) asking: Asking,
    /// Called before each question.
    pub(super) before_asking: &'f dyn Fn(),
}

impl Device {
    /// Six digits.
    pub(super) fn ask(&self, person: Person<'_>) -> Result<String, GetTokenError> {
        self.code(person).map_err(|why| GetTokenError::Mfa {
            whose: self.whose.clone(),
            serial: self.serial.clone(),
            why,
            command: self.command.clone(),
        })
    }

    fn code(&self, person: Person<'_>) -> Result<String, MfaFault> {
        if person.asking == Asking::Refused {
            return Err(MfaFault::Refused);
        }
        let (mut answers, is_echoed): (Box<dyn BufRead>, bool) = match File::open(TERMINAL) {
            Ok(terminal) => (Box::new(BufReader::new(terminal)), true),
            Err(_) => (Box::new(io::stdin().lock()), false),
        };
        for _ in 0..QUESTIONS {
            (person.before_asking)();
            say(PROMPT);
            let mut line = String::new();
            let is_end = matches!(answers.read_line(&mut line), Ok(0) | Err(_));
            // What is said next begins a line of its own.
            if is_end || !is_echoed {
                say("\n");
            }
            if is_end {
                return Err(MfaFault::NobodyThere);
            }
            let code = line.trim();
            if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(code.to_owned());
            }
        }
        Err(MfaFault::NoCode)
    }
}

/// To standard error. Whoever closed it may still type.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
