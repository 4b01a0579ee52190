import { PanelWithToolbar, SidePanel, CommandToolbarButton } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { AccordionPanel, Widget } from '@lumino/widgets';

import { nbopsIcon } from './icons';
import { IContext, INbopsPanel, ISection, ISectionContent } from './tokens';

const TITLE_PX = 32;
/** A section with less is not worth its place. */
const LEAST_PX = 160;

/** The side panel: sections that load their content when they are first seen. */
export class NbopsPanel extends SidePanel implements INbopsPanel {
  constructor(readonly context: IContext) {
    super({ translator: context.translator });
    const { trans } = context;
    this.id = 'nbops-panel';
    this.title.icon = nbopsIcon;
    this.title.caption = trans.__('nbops');
    this.addClass('nbops-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('nbops'));
    this.content.node.setAttribute('aria-label', trans.__('nbops sections'));
  }

  /** The panel was shown or hidden. */
  get seen(): ISignal<this, boolean> {
    return this._seen;
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._seen.emit(true);
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._seen.emit(false);
  }

  addSection(section: ISection): void {
    const host = new SectionHost(section, this.context);
    const at = this._hosts.findIndex(other => other.section.rank > section.rank);
    const index = at < 0 ? this._hosts.length : at;
    this._hosts.splice(index, 0, host);
    this.insertWidget(index, host);
    const accordion = this.content as AccordionPanel;
    if (!section.isOpen) {
      accordion.collapse(index);
    }
    this._share();
  }

  /** Unfold a section, and fold others where there is not room for all; its content is there when this resolves. */
  async reveal(id: string): Promise<void> {
    const accordion = this.content as AccordionPanel;
    const wanted = this._hosts.findIndex(host => host.section.id === id);
    if (wanted < 0) {
      return;
    }
    accordion.expand(wanted);
    const titles = this._hosts.length * TITLE_PX;
    let room = Math.floor((this.node.clientHeight - titles) / LEAST_PX);
    // From the bottom up: the list of runs is the last to go.
    const unfolded = this._hosts.map((host, index) => ({ host, index })).filter(({ host }) => !host.isHidden);
    room = Math.max(2, room) - unfolded.length;
    for (const { index } of unfolded.reverse()) {
      if (room < 0 && index !== wanted) {
        accordion.collapse(index);
        room++;
      }
    }
    this._share();
    await this._hosts[wanted].loaded;
  }

  /** Divide the height among the unfolded sections; the list that is searched and scrolled most has the most. */
  private _share(): void {
    const shares = this._hosts.map(host => (host.isHidden ? 0 : host.section.rank <= 100 ? 2 : 1));
    (this.content as AccordionPanel).setRelativeSizes(shares);
  }

  private readonly _seen = new Signal<this, boolean>(this);
  private readonly _hosts: SectionHost[] = [];
}

/** Holds a section's place until it is seen, and tells it whether anybody looks. */
class SectionHost extends PanelWithToolbar {
  constructor(
    readonly section: ISection,
    private readonly _context: IContext
  ) {
    super();
    this.id = `nbops-section-${section.id}`;
    this.addClass('nbops-Section');
    this.title.label = section.title;
    this.title.caption = section.title;
    this.toolbar.node.setAttribute('aria-label', section.title);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      document.removeEventListener('visibilitychange', this._onVisibility);
      this._look(false);
      this._content?.dispose();
      super.dispose();
    }
  }

  /** Resolves when the content is there, and drawn for the first time. */
  get loaded(): Promise<void> {
    return Promise.resolve(this._loading).then(
      () => new Promise(drawn => requestAnimationFrame(() => drawn()))
    );
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._look(this.isVisible);
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look(this.isVisible);
  }

  protected override onBeforeHide(msg: Message): void {
    super.onBeforeHide(msg);
    this._look(false);
  }

  protected override onBeforeDetach(msg: Message): void {
    this._look(false);
    super.onBeforeDetach(msg);
  }

  private _onVisibility = (): void => this._look(this.isVisible && !document.hidden);

  private _look(isSeen: boolean): void {
    if (isSeen === this._isSeen) {
      return;
    }
    this._isSeen = isSeen;
    if (isSeen) {
      this._watch = this._context.project.watch();
      void this._wake();
    } else {
      this._content?.sleep();
      this._watch?.dispose();
      this._watch = null;
    }
  }

  private async _wake(): Promise<void> {
    this._loading ??= this._load();
    await this._loading;
    if (this._isSeen && !this.isDisposed) {
      this._content?.wake();
    }
  }

  private async _load(): Promise<void> {
    const loading = this.section.load(this._context);
    this.section.ahead?.(this._context);
    const content = await loading;
    if (this.isDisposed) {
      content.dispose();
      return;
    }
    this._content = content;
    for (const { command } of content.actions ?? []) {
      const { commands } = this._context.app;
      this.toolbar.addItem(command, new CommandToolbarButton({ commands, id: command, label: '' }));
    }
    this.addWidget(content.widget as Widget);
  }

  private _content: ISectionContent | null = null;
  private _loading: Promise<void> | null = null;
  private _watch: IDisposable | null = null;
  private _isSeen = false;
}
