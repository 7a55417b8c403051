import { describe, expect, it } from 'vitest';
import { type KnownFolder, labelRules, MembershipError } from './labels.ts';
import { planMembership } from './membership.ts';

const folder = (id: string, specialUse: string | null = null): KnownFolder => ({ id, specialUse });
const inbox = folder('inbox', '\\Inbox');
const all = folder('all', '\\All');
const trash = folder('trash', '\\Trash');
const spam = folder('spam', '\\Junk');
const sent = folder('sent', '\\Sent');
const work = folder('work');
const home = folder('home');
const LABELS = [inbox, all, trash, spam, sent, work, home];

describe('folders', () => {
  it.each([
    ['stays', [work], [work], {}],
    ['moves', [inbox], [work], { moves: [{ from: 'inbox', to: 'work' }] }],
    ['copies', [inbox], [inbox, work], { copies: [{ from: 'inbox', to: 'work' }] }],
    [
      'moves and copies',
      [inbox],
      [work, home],
      { moves: [{ from: 'inbox', to: 'work' }], copies: [{ from: 'inbox', to: 'home' }] },
    ],
    ['leaves one of two', [inbox, work], [work], { removals: ['inbox'] }],
    ['two into one', [inbox, work], [trash], { moves: [{ from: 'inbox', to: 'trash' }], removals: ['work'] }],
  ])('%s', (_name, current, wanted, plan) => {
    expect(planMembership(current, wanted, null)).toEqual({
      copies: [],
      moves: [],
      removals: [],
      dropped: [],
      ...plan,
    });
  });

  it('never takes away the last one', () => {
    expect(() => planMembership([inbox], [], null)).toThrow('Removing all folders is not allowed.');
    expect(() => planMembership([inbox], [], LABELS)).toThrow('Removing all labels is not allowed.');
  });
});

describe('rules of labels', () => {
  const labelsAfter = (current: KnownFolder[], wanted: KnownFolder[]) =>
    labelRules(current, wanted, LABELS)
      .map((f) => f.id)
      .sort();
  it.each([
    ['a label is added', [all, inbox], [all, inbox, work], ['all', 'inbox', 'work']],
    [
      'Trash takes all, spam and inbox away',
      [all, inbox, work],
      [all, inbox, work, trash],
      ['trash', 'work'],
    ],
    ['Spam takes all, trash and inbox away', [all, inbox], [all, inbox, spam], ['spam']],
    ['All takes trash away', [trash, work], [trash, work, all], ['all', 'work']],
    ['Inbox takes trash away and needs All', [trash], [inbox], ['all', 'inbox']],
    ['Inbox takes spam away', [spam], [spam, inbox], ['all', 'inbox']],
    ['taking All away does nothing by itself', [all, inbox], [inbox], ['all', 'inbox']],
    ['archiving takes the inbox away', [all, inbox], [all], ['all']],
  ])('%s', (_name, current, wanted, result) => {
    expect(labelsAfter(current, wanted)).toEqual(result);
    // Asking again for what is there changes nothing.
    const there = labelRules(current, wanted, LABELS);
    expect(labelsAfter(there, there)).toEqual(result);
  });

  it('refuses what cannot be', () => {
    expect(() => labelsAfter([all], [trash, spam])).toThrow(
      'Only one of "all", "trash" or "spam" can be added.',
    );
    expect(() => labelsAfter([all], [all, sent])).toThrow(MembershipError);
    expect(() => labelsAfter([all, sent], [all])).toThrow(
      'The labels "drafts" and "sent" cannot be changed.',
    );
  });

  it('into a bin and out of it a message is moved, never removed', () => {
    expect(planMembership([all, inbox], [trash], LABELS)).toEqual({
      copies: [],
      moves: [{ from: 'all', to: 'trash' }],
      removals: [],
      dropped: ['inbox'],
    });
    expect(planMembership([trash], [inbox], LABELS)).toEqual({
      copies: [],
      moves: [{ from: 'trash', to: 'inbox' }],
      removals: [],
      dropped: [],
    });
    expect(planMembership([all, inbox, work], [all, work], LABELS).removals).toEqual(['inbox']);
  });
});
