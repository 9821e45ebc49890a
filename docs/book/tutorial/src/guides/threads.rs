//! What programs do with threads, done with tasks.

use selvedge::sync::{mpsc, oneshot};
use selvedge::task::{JoinSet, spawn_blocking};
use std::thread;

/// Starts a thread for each text.
pub fn lengths_by_threads(texts: Vec<String>) -> Vec<usize> {
    let start = |text: String| thread::spawn(move || text.len());
    let threads: Vec<_> = texts.into_iter().map(start).collect();
    let results = threads.into_iter().map(|thread| thread.join());
    results.map(|it| it.expect("no panic")).collect()
}

/// Spawns a task for each text. The results come in the order of the texts.
pub async fn lengths_by_tasks(texts: Vec<String>) -> Vec<usize> {
    let start = |text: String| selvedge::spawn(async move { text.len() });
    let tasks: Vec<_> = texts.into_iter().map(start).collect();
    let mut lengths = Vec::new();
    for task in tasks {
        lengths.push(task.await.expect("no panic"));
    }
    lengths
}

/// Returns the first text found that has the word. The other tasks are aborted.
pub async fn first_with(word: &'static str, texts: Vec<String>) -> Option<String> {
    let mut tasks = JoinSet::new();
    for text in texts {
        tasks.spawn(async move { text.contains(word).then_some(text) });
    }
    while let Some(found) = tasks.join_next().await {
        if let Some(text) = found.expect("no panic") {
            return Some(text);
        }
    }
    None
}

/// A long computation, or a call that blocks, goes to a thread that may block.
pub async fn sum_of_squares(numbers: Vec<u64>) -> u64 {
    let sum = spawn_blocking(move || numbers.iter().map(|n| n * n).sum());
    sum.await.expect("no panic")
}

/// A question to a task, with the channel for the answer.
#[derive(Debug)]
pub struct Question {
    number: u64,
    answer: oneshot::Sender<u64>,
}

/// A thread of your own asks a task, and blocks until it has the answer.
pub fn ask(desk: &mpsc::Sender<Question>, number: u64) -> u64 {
    let (answer, answered) = oneshot::channel();
    let question = Question { number, answer };
    desk.blocking_send(question).expect("the desk is open");
    answered.blocking_recv().expect("the desk answers")
}

/// Answers the questions. Ends when all senders are dropped.
pub async fn answer_all(mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        // The send fails if the asker is gone.
        let _ = question.answer.send(question.number * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<String> {
        ["a", "bcd", "ef"].map(str::to_owned).into()
    }

    #[selvedge::test]
    async fn tasks_and_threads_give_the_same_in_the_same_order() {
        assert_eq!(lengths_by_tasks(texts()).await, [1, 3, 2]);
        assert_eq!(lengths_by_threads(texts()), [1, 3, 2]);
        assert_eq!(first_with("c", texts()).await.as_deref(), Some("bcd"));
        assert_eq!(first_with("x", texts()).await, None);
        assert_eq!(sum_of_squares(vec![1, 2, 3]).await, 14);
    }

    #[test]
    fn a_thread_is_answered_by_a_task() {
        let runtime = selvedge::runtime::Runtime::new().unwrap();
        let (desk, questions) = mpsc::channel(1);
        let answering = runtime.spawn(answer_all(questions));
        assert_eq!(ask(&desk, 21), 42);
        drop(desk);
        runtime.block_on(answering).unwrap();
    }
}
